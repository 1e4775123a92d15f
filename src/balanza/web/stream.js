// One event stream per page. Events are hints: what they make stale is fetched, not too often. When the stream breaks, the
// page asks every few seconds and says so, until it is back.
import { UNREACHABLE } from './api.js';
import { connection } from './store.js';

const GRACE_MS = 1500; // a stream that comes back at once is not worth a word
const POLL_MS = 3000;

/** `listeners`: what to do by type of event. `expire`: all that is shown may be old. `isStale`, `refresh`: whether there is
 * something to fetch, and fetch it. `pause`: the milliseconds between two times. */
let page = null;
let isFlushing = false;
let lastFlush = -Infinity;
let timer = null;
let stream = null;
let grace = null;
let poll = null;

export function follow(wanted) {
  page = wanted;
  open();
  reload(); // at once: a stream that cannot be opened must not keep the page empty
  document.addEventListener('visibilitychange', () => {
    // A browser opens six connections to one server at the most: pages nobody looks at must not hold one each.
    if (document.hidden) close();
    else open();
  });
  window.addEventListener('online', reload);
  window.addEventListener('pagehide', close);
}

/** Everything shown may be old: fetch it again, soon. */
export function reload() {
  page.expire();
  schedule();
}

/** Something has become stale. */
export function schedule() {
  if (timer !== null || isFlushing) return;
  timer = setTimeout(flush, Math.max(20, lastFlush + page.pause() - performance.now()));
}

function open() {
  close();
  stream = new EventSource('events');
  stream.addEventListener('open', () => {
    stopPolling();
    connection.value = 'live';
    reload();
  });
  stream.addEventListener('error', onBroken);
  stream.addEventListener('reset', reload);
  for (const [type, listener] of Object.entries(page.listeners)) {
    stream.addEventListener(type, (event) => listener(JSON.parse(event.data)));
  }
}

function close() {
  stream?.close();
  stopPolling();
}

function stopPolling() {
  clearTimeout(grace);
  clearInterval(poll);
  grace = poll = null;
}

/** The browser reconnects by itself unless the answer was no stream at all; meanwhile rows are polled. */
function onBroken() {
  if (grace !== null || poll !== null) return;
  grace = setTimeout(() => {
    grace = null;
    reload();
    poll = setInterval(() => {
      if (stream.readyState === EventSource.CLOSED) open();
      reload();
    }, POLL_MS);
  }, GRACE_MS);
}

async function flush() {
  timer = null;
  isFlushing = true;
  try {
    await page.refresh();
    onFetched();
  } catch (problem) {
    onFetchFailed(problem);
  } finally {
    lastFlush = performance.now();
    isFlushing = false;
    if (page.isStale()) schedule();
  }
}

function onFetched() {
  if (stream.readyState === EventSource.OPEN) {
    stopPolling();
    connection.value = 'live';
  } else if (poll !== null) connection.value = 'interrupted';
}

function onFetchFailed(problem) {
  if (problem.status === undefined) throw problem;
  connection.value = problem.slug === UNREACHABLE ? 'unreachable' : 'interrupted';
  onBroken(); // the next poll asks for everything again
}
