// The language of the page and its strings. The browser decides, the switch overrides and is remembered. Only the tables of
// the language in use are there.
import { signal } from './vendor/signals/signals.js';
import { Problem, UNREACHABLE } from './api.js';

const REMEMBERED = 'balanza.language';
const REMEMBERED_SECONDS = 365 * 24 * 3600;

export const LANGUAGES = ['en', 'es'];

const strings = Object.fromEntries(LANGUAGES.map((tag) => [tag, {}]));
const learnt = new Set();

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null; // storage is forbidden in some private windows
  }
}

function firstLanguage() {
  const wanted = [remembered(), ...navigator.languages].filter(Boolean).map((tag) => tag.slice(0, 2).toLowerCase());
  return wanted.find((tag) => LANGUAGES.includes(tag)) ?? 'en';
}

export const language = signal(firstLanguage());

async function load(tag, name) {
  let table;
  try {
    table = await import(`./i18n/${tag}/${name}.js`);
  } catch {
    throw new Problem(UNREACHABLE, '');
  }
  Object.assign(strings[tag], table.default);
}

/** Resolves when the strings of this part of the page are there; each page and each part of one loads its own. */
export async function learn(name) {
  learnt.add(name);
  await load(language.value, name);
}

/** Resolves when the page speaks that language. Rejects with a Problem when its strings cannot be loaded. */
export async function speak(tag) {
  await Promise.all([...learnt].map((name) => load(tag, name)));
  language.value = tag;
  try {
    localStorage.setItem(REMEMBERED, tag);
  } catch {
    // then it holds until the page is left
  }
  // For the first words of the next page, which the server writes.
  document.cookie = `balanza_language=${tag}; max-age=${REMEMBERED_SECONDS}; samesite=lax`;
}

/** The string of `key` with each `{name}` replaced; the key itself when there is none. */
export function t(key, values = {}) {
  const text = strings[language.value][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const isTranslated = (key) => key in strings[language.value];

/** As `t`, in the plural form of `count`: the keys are `key.one` and `key.other`. */
export function tn(key, count, values = {}) {
  const form = new Intl.PluralRules(language.value).select(count);
  return t(isTranslated(`${key}.${form}`) ? `${key}.${form}` : `${key}.other`, { count, ...values });
}

await learn('common');
