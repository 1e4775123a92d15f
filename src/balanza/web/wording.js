// What the server says as a code with values, in the reader's language.
import { bytes, decimal, percent } from './format.js';
import { isTranslated, t, tn } from './i18n.js';

/** The string of `key` with what stands in it; null when there is none: this server says more than this page knows. */
export function inWords(key, values = {}) {
  const said = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, written(name, value)]));
  if (isTranslated(`${key}.other`)) return tn(key, values.count, said);
  return isTranslated(key) ? t(key, said) : null;
}

function written(name, value) {
  if (name === 'range') return value.replace(' to ', ` ${t('range.to')} `);
  if (typeof value !== 'number') return isTranslated(`${name}.${value}`) ? t(`${name}.${value}`) : value; // an option, a format
  if (name.endsWith('_bytes')) return bytes(value);
  if (name.endsWith('cpu')) return percent(100 * value);
  return decimal(value, Number.isInteger(value) ? 0 : 2);
}
