// What a pending job waits for, when its turn is expected, and whether it goes before others, in words.
import { roughly, timeOfDay } from './format.js';
import { isTranslated, t } from './i18n.js';

const AT_ONCE_SECONDS = 5;

/** The priorities that people choose from; a program may ask for any from 0 to 100. */
export const LEVELS = { low: 25, usual: 50, high: 75 };

/** When it starts and when it is done, as far as the server foresees it; null when it does not. */
export function foreseen({ expected_start_at: start, expected_end_at: end }) {
  if (!start || !end) return null;
  const seconds = (Date.parse(start) - Date.now()) / 1000;
  const values = { time: roughly(seconds), end: timeOfDay(end, false) };
  return t(seconds < AT_ONCE_SECONDS ? 'jobs.starts_now' : 'jobs.starts_in', values);
}

/** In the reader's language, from the code; the sentence that the server gives is longer, and English. */
export function waitsFor(waiting) {
  const code = waiting?.code === 'slot' && waiting.worker_id === null ? 'any_slot' : waiting?.code;
  const key = `waits.${code}`;
  return isTranslated(key) ? t(key, { worker: waiting.worker_id }) : t('waits.any_slot');
}

/** The priority of a job in words; null when it is the usual one. */
export function priorityOf({ priority }) {
  if (priority === LEVELS.usual) return null;
  if (priority === LEVELS.low) return t('jobs.priority_low');
  return priority === LEVELS.high ? t('jobs.priority_high') : t('jobs.priority', { priority });
}
