// What is asked of the library stands in the page's address: so it is the same after a reload, and with Back.
import { mediaChanged } from '../live.js';
import * as store from '../store.js';

export const KINDS = ['', 'audio', 'video'];
export const SORTS = ['newest', 'oldest', 'name', 'largest', 'longest'];
const PLAIN = { search: '', kind: '', sort: SORTS[0] };
const MOST_CHARACTERS = 200;

const oneOf = (known, value) => (known.includes(value) ? value : known[0]);

function fromAddress() {
  const given = new URLSearchParams(location.search);
  return {
    search: (given.get('search') ?? '').trim().slice(0, MOST_CHARACTERS),
    kind: oneOf(KINDS, given.get('kind')),
    sort: oneOf(SORTS, given.get('sort')),
  };
}

function toAddress(question) {
  const address = new URL(location.href);
  for (const [name, value] of Object.entries(question)) {
    if (value === PLAIN[name]) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  history.replaceState(history.state, '', address);
}

const isSame = (one, other) => Object.keys(PLAIN).every((name) => one[name] === other[name]);

/** Asks anew, with these parts of the question changed. */
export function ask(change) {
  const next = { ...store.question.value, ...change };
  if (isSame(next, store.question.value)) return;
  store.question.value = next;
  toAddress(next);
  mediaChanged();
}

/** Every file again, in the order there is. */
export const askAll = () => ask({ search: PLAIN.search, kind: PLAIN.kind });

store.question.value = fromAddress();
addEventListener('popstate', () => ask(fromAddress()));
