// Who the page is for. It is asked before anything is drawn, so that nobody sees what they may not use.
import { computed, signal } from '../vendor/signals/signals.js';
import { toLogin } from '../api.js';
import { getMe } from './api.js';

const AGAIN_MS = 3000;

/** `{accounts, user, scope, signup, oidc, public_stats}`; null before the first answer. */
export const me = signal(null);
export const isAdmin = computed(() => me.value?.scope === 'admin');
/** Whether it is known that this is none. */
export const isNoAdmin = computed(() => me.value !== null && !isAdmin.value);

/** Asked with this module, which comes before the others. */
let first = getMe();
first.catch(() => {}); // told to whoever asks

export async function ask() {
  const answer = first ?? getMe();
  first = null;
  me.value = await answer;
  return me.value;
}

/**
 * Resolves when the page may be drawn. Who has to log in first is sent there, and it never does. Without an answer it
 * resolves too, and goes on asking: the page says by itself that the server cannot be reached.
 */
export async function enter() {
  try {
    await ask();
  } catch (problem) {
    if (problem.slug === undefined) throw problem;
    setTimeout(enter, AGAIN_MS);
    return;
  }
  if (me.value.user !== null) return;
  toLogin();
  await new Promise(() => {});
}

/** Somebody may have signed out, or in as somebody else, in another tab or before the browser's button led back here. */
async function lookAgain() {
  if (!me.value?.accounts || me.value.user === null) return;
  try {
    const { user } = await getMe();
    if (user === null) toLogin();
    else if (user.id !== me.value.user.id) location.reload();
  } catch (problem) {
    if (problem.slug === undefined) throw problem;
  }
}

document.addEventListener('visibilitychange', () => !document.hidden && lookAgain());
window.addEventListener('pageshow', ({ persisted }) => persisted && lookAgain());
