// The language of the page and its strings. The browser decides, the switch overrides and is remembered.
import { signal } from './vendor/signals/signals.js';
import en from './i18n/en/common.js';
import es from './i18n/es/common.js';

const TABLES = { en: { ...en }, es: { ...es } };
const REMEMBERED = 'balanza.language';

export const LANGUAGES = Object.keys(TABLES);

/** Adds the strings of a page to those of all: each page loads its own. */
export function learn(tables) {
  for (const tag of LANGUAGES) Object.assign(TABLES[tag], tables[tag]);
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null; // storage is forbidden in some private windows
  }
}

function firstLanguage() {
  const wanted = [remembered(), ...navigator.languages].filter(Boolean).map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag) => tag in TABLES) ?? 'en';
}

export const language = signal(firstLanguage());

export function speak(tag) {
  language.value = tag;
  try {
    localStorage.setItem(REMEMBERED, tag);
  } catch {
    // then it holds until the page is left
  }
}

/** The string of `key` with each `{name}` replaced; the key itself when there is none. */
export function t(key, values = {}) {
  const text = TABLES[language.value][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const isTranslated = (key) => key in TABLES[language.value];

/** As `t`, in the plural form of `count`: the keys are `key.one` and `key.other`. */
export function tn(key, count, values = {}) {
  const form = new Intl.PluralRules(language.value).select(count);
  return t(isTranslated(`${key}.${form}`) ? `${key}.${form}` : `${key}.other`, { count, ...values });
}
