// Keeps the store true: the event stream says what changed, the changed rows are fetched. Events are hints, rows the truth.
import { batch } from './vendor/signals/signals.js';
import { getJob, listJobs, listMedia, UNREACHABLE } from './api.js';
import { t } from './i18n.js';
import * as store from './store.js';

const JOB_EVENTS = [
  'job.submitted', 'job.assigned', 'job.leased', 'job.completed', 'job.attempt_failed', 'job.failed', 'job.released',
  'job.cancelled', 'job.retried',
];
const WORKER_EVENTS = [
  'worker.registered', 'worker.left', 'worker.offline', 'worker.draining', 'worker.resumed', 'worker.quarantined',
  'worker.trusted',
];
const MEDIA_EVENTS = ['media.created', 'media.deleted'];
const PAGE = 50;
const MOST = 200; // the server's largest page
const THROTTLE_MS = 300;
const GRACE_MS = 1500; // a stream that comes back at once is not worth a word
const POLL_MS = 3000;

const stale = { jobs: new Set(), running: false, waiting: false, allJobs: false, media: false };
let isFlushing = false;
let lastFlush = 0;
let timer = null;
let stream = null;
let grace = null;
let poll = null;

export function startLive() {
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
  stale.allJobs = true;
  stale.media = true;
  schedule();
}

export function jobChanged(id) {
  stale.jobs.add(id);
  schedule();
}

/** Progress is only a hint that numbers moved: with nothing under way there is nothing to fetch. */
function progressed() {
  if (store.liveJobs.value === 0) return;
  stale.running = true;
  schedule();
}

/** What a job waits for depends on the workers there are, and no event of its own tells that it is another now. */
function workersChanged() {
  if (!store.jobs.value.some(isPending)) return;
  stale.waiting = true;
  schedule();
}

const isPending = (job) => job.status === 'pending';

export function mediaChanged() {
  stale.media = true;
  schedule();
}

function open() {
  close();
  stream = new EventSource('events');
  stream.addEventListener('open', () => {
    stopPolling();
    store.connection.value = 'live';
    reload();
  });
  stream.addEventListener('error', onBroken);
  stream.addEventListener('reset', reload);
  for (const type of JOB_EVENTS) stream.addEventListener(type, (event) => jobChanged(JSON.parse(event.data).job_id));
  stream.addEventListener('job.progress', progressed);
  for (const type of WORKER_EVENTS) stream.addEventListener(type, workersChanged);
  for (const type of MEDIA_EVENTS) stream.addEventListener(type, mediaChanged);
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

function schedule() {
  if (timer !== null || isFlushing) return;
  timer = setTimeout(flush, Math.max(20, lastFlush + THROTTLE_MS - performance.now()));
}

async function flush() {
  timer = null;
  isFlushing = true;
  const wanted = { ...stale };
  Object.assign(stale, { jobs: new Set(), running: false, waiting: false, allJobs: false, media: false });
  try {
    await refresh(wanted);
    onFetched();
  } catch (problem) {
    onFetchFailed(problem);
  } finally {
    lastFlush = performance.now();
    isFlushing = false;
    if (stale.jobs.size || stale.running || stale.waiting || stale.allJobs || stale.media) schedule();
  }
}

function onFetched() {
  if (stream.readyState === EventSource.OPEN) {
    stopPolling();
    store.connection.value = 'live';
  } else if (poll !== null) store.connection.value = 'interrupted';
}

function onFetchFailed(problem) {
  if (problem.status === undefined) throw problem;
  store.connection.value = problem.slug === UNREACHABLE ? 'unreachable' : 'interrupted';
  onBroken(); // the next poll asks for everything again
}

/** Media after jobs: so the result of every completed job shown is in the library shown. */
async function refresh(wanted) {
  const fresh = await freshJobs(wanted);
  const unknown = fresh.rows.some((job) => job.output_id && !store.mediaById.value.has(job.output_id));
  const library = wanted.media || unknown ? await listMedia({ limit: pageFor(store.media.value.length) }) : null;
  batch(() => {
    if (library) store.setMedia(library.media, library.next_cursor);
    if (fresh.cursor !== undefined) {
      keepOnly(fresh);
      store.jobsCursor.value = fresh.cursor;
    }
    announce(store.mergeJobs(fresh.rows));
    store.loaded.value = true;
  });
}

const pageFor = (shown) => Math.min(MOST, Math.max(PAGE, shown));

async function freshJobs({ jobs, running, waiting, allJobs }) {
  if (allJobs || jobs.size > 4) {
    const page = await listJobs({ limit: pageFor(store.jobs.value.length) });
    return { rows: page.jobs, cursor: page.next_cursor };
  }
  const some = await Promise.all([...jobs].map(getJob));
  const active = running ? (await listJobs({ status: 'processing', limit: MOST })).jobs : [];
  return { rows: [...(waiting ? await freshPending() : []), ...some, ...active] };
}

/** Of those shown. */
async function freshPending() {
  const shown = new Set(store.jobs.value.map((job) => job.job_id));
  return (await listJobs({ status: 'pending', limit: MOST })).jobs.filter((job) => shown.has(job.job_id));
}

/** A whole first page says which jobs exist: what lies beyond it is loaded again when asked for. */
function keepOnly({ rows }) {
  const ids = new Set(rows.map((job) => job.job_id));
  store.jobs.value = store.jobs.value.filter((job) => ids.has(job.job_id));
}

function announce(ended) {
  for (const job of ended) {
    const name = job.output_file ?? job.input_file;
    if (job.status !== 'cancelled') store.announcement.value = t(`announce.${job.status}`, { name });
  }
}

export async function moreMedia() {
  const page = await listMedia({ limit: PAGE, cursor: store.mediaCursor.value });
  store.addMedia(page.media, page.next_cursor);
}

export async function moreJobs() {
  const page = await listJobs({ limit: PAGE, cursor: store.jobsCursor.value });
  batch(() => {
    store.mergeJobs(page.jobs);
    store.jobsCursor.value = page.next_cursor;
  });
}
