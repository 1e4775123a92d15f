// What workers make of the files for this page: thumbnails, waveforms, captions. It is asked for when it is to be seen,
// for the first time has it made, and an event says when it is there.
import { useEffect, useState } from './vendor/preact/hooks.js';
import { signal } from './vendor/signals/signals.js';
import { mediaAddress } from './api.js';

const PAUSE_MS = 150; // what is scrolled past is not asked for
const MARGIN = '200px';

export const derivedAddress = (id, what) => `${mediaAddress(id)}/${what}`;

/** What is known by address: `{id, state, data}`, `state` a signal of `pending`, `ready` or `none` (it cannot be made). */
const known = new Map();
const left = new Set();

/** The one of this file; `data` has its bytes once it is `ready`. Browsers keep what they fetched. */
export function derived(id, what) {
  const address = derivedAddress(id, what);
  if (!known.has(address)) {
    known.set(address, { id, state: signal('pending'), data: null });
    fetchInto(address);
  }
  return known.get(address);
}

async function fetchInto(address) {
  const one = known.get(address);
  if (left.has(one.id)) return;
  let response;
  try {
    response = await fetch(address);
    if (response.status === 200) one.data = new Uint8Array(await response.arrayBuffer());
  } catch {
    return; // unreachable: asked again when the page is back
  }
  if (response.status === 200) one.state.value = 'ready';
  else if (response.status !== 202 && response.status < 500) one.state.value = 'none';
}

const askAgain = (isMeant) => {
  for (const [address, one] of known) {
    if (one.state.value === 'pending' && isMeant(one)) fetchInto(address);
  }
};

/** To be told of the event that something was made of a file. */
export const derivedMade = (id) => askAgain((one) => one.id === id);

/** Events may have been missed. */
export const derivedMissed = () => askAgain(() => true);

/** The file is on its way into the trash: nothing more is made of it, and nothing asked. */
export const derivedLeft = (id) => left.add(id);

/** The file is back, and what was not made of it is asked for again. */
export function derivedRestored(id) {
  left.delete(id);
  derivedMade(id);
}

const callbacks = new Map();
const observer = new IntersectionObserver(
  (entries) => entries.forEach(({ target, isIntersecting }) => callbacks.get(target)?.(isIntersecting)),
  { rootMargin: MARGIN },
);

/** Whether the element was in view, or nearly, for a moment. */
export function useSeen(ref) {
  const [isSeen, setSeen] = useState(false);
  useEffect(() => {
    if (isSeen) return undefined;
    const element = ref.current;
    let timer = null;
    callbacks.set(element, (isIntersecting) => {
      clearTimeout(timer);
      if (isIntersecting) timer = setTimeout(() => setSeen(true), PAUSE_MS);
    });
    observer.observe(element);
    return () => {
      clearTimeout(timer);
      callbacks.delete(element);
      observer.unobserve(element);
    };
  }, [isSeen]);
  return isSeen;
}
