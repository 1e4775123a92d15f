// What a pending job waits for, and when its turn is expected, in words.
import { roughly, timeOfDay } from './format.js';
import { isTranslated, t } from './i18n.js';

const AT_ONCE_SECONDS = 5;

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
