// What a pending job waits for, in words.
import { isTranslated, t } from './i18n.js';

/** In the reader's language, from the code; the sentence that the server gives is longer, and English. */
export function waitsFor(waiting) {
  const code = waiting?.code === 'slot' && waiting.worker_id === null ? 'any_slot' : waiting?.code;
  const key = `waits.${code}`;
  return isTranslated(key) ? t(key, { worker: waiting.worker_id }) : t('waits.any_slot');
}
