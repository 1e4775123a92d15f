// What a name and a password must be, as the server has it too: said while somebody types.
import { t, tn } from '../i18n.js';

const LONGEST_NAME = 100;
const SHORTEST = 10;
const LONGEST = 200;
const DIFFERENT = 4;

const kept = (name) => name.normalize('NFKC').trim().toLowerCase();

/** What is wrong with the name, as a sentence; null when nothing is. */
export function wrongName(name) {
  const length = [...kept(name)].length;
  if (length === 0) return t('rule.name_missing');
  if (length > LONGEST_NAME) return t('rule.name_long', { most: LONGEST_NAME });
  return /[\s\p{C}]/u.test(kept(name)) ? t('rule.name_spaces') : null;
}

/** What is wrong with the password, as a sentence; null when nothing is. */
export function wrongPassword(password, name) {
  const characters = [...password];
  if (characters.length < SHORTEST) return tn('rule.password_short', SHORTEST - characters.length);
  if (characters.length > LONGEST) return t('rule.password_long', { most: LONGEST });
  if (kept(password) === kept(name)) return t('rule.password_name');
  return new Set(characters).size < DIFFERENT ? t('rule.password_simple') : null;
}

export const passwordHint = () => t('rule.password', { least: SHORTEST });
