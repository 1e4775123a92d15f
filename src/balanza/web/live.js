// Keeps the store true: the event stream says what changed, the changed rows are fetched. Events are hints, rows the truth.
import { batch } from './vendor/signals/signals.js';
import { getJob, listJobs, listMedia, listTrash } from './api.js';
import { derivedLeft, derivedMade, derivedMissed, derivedRestored } from './derived.js';
import { t, tn } from './i18n.js';
import * as store from './store.js';
import { follow, reload, schedule } from './stream.js';

const JOB_EVENTS = [
  'job.submitted', 'job.assigned', 'job.leased', 'job.completed', 'job.attempt_failed', 'job.failed', 'job.released',
  'job.cancelled', 'job.retried',
];
const WORKER_EVENTS = [
  'worker.registered', 'worker.left', 'worker.offline', 'worker.draining', 'worker.resumed', 'worker.quarantined',
  'worker.trusted',
];
const MEDIA_EVENTS = ['media.created', 'media.renamed', 'media.trashed', 'media.restored', 'media.deleted'];
const SHARE_EVENTS = ['share.created', 'share.revoked'];
const PAGE = 50;
const MOST = 200; // the server's largest page
const PAUSE_MS = 300;
const FORESEEN_MS = 2000; // when pending jobs start shifts slowly, and there may be many

const NOTHING = { running: false, waiting: false, allJobs: false, media: false };
const stale = { ...NOTHING, jobs: new Set() };

let foreseenAt = -Infinity;

export { reload };

export function startLive() {
  const listeners = {
    ...each(JOB_EVENTS, (event) => jobChanged(event.job_id)),
    'job.cancelled': cancelled,
    'job.progress': progressed,
    ...each(WORKER_EVENTS, workersChanged),
    ...each(MEDIA_EVENTS, mediaChanged),
    'media.derived': (event) => derivedMade(event.media_id),
    'media.trashed': away,
    'media.deleted': away,
    'media.restored': back,
    ...each(SHARE_EVENTS, (event) => store.linksChanged(event.media_id)),
  };
  follow({ listeners, expire, isStale, refresh, pause: () => PAUSE_MS });
}

const each = (types, listener) => Object.fromEntries(types.map((type) => [type, listener]));

function expire() {
  stale.allJobs = true;
  stale.media = true;
  derivedMissed();
  store.linksChanged();
}

const isStale = () => Object.values(stale).some((value) => value === true) || stale.jobs.size > 0;

export function jobChanged(id) {
  stale.jobs.add(id);
  schedule();
}

/** One by one each of them comes through, and once is enough. */
function cancelled({ job_id: id, reason }) {
  jobChanged(id);
  const text = t('jobs.over_quota');
  if (reason === 'quota' && !store.notices.value.some((notice) => notice.text === text)) store.notify('error', text);
}

/** Progress is only a hint that numbers moved: with nothing under way there is nothing to fetch. */
function progressed() {
  if (store.liveJobs.value === 0) return;
  stale.running = true;
  if (performance.now() - foreseenAt > FORESEEN_MS && store.jobs.value.some(isPending)) {
    foreseenAt = performance.now();
    stale.waiting = true;
  }
  schedule();
}

/** What a job waits for depends on the workers there are, and no event of its own tells that it is another now. */
function workersChanged() {
  if (!store.jobs.value.some(isPending)) return;
  stale.waiting = true;
  schedule();
}

const isPending = (job) => job.status === 'pending';

function away({ media_id }) {
  derivedLeft(media_id);
  store.deselect([media_id]);
  mediaChanged();
}

function back({ media_id }) {
  derivedRestored(media_id);
  mediaChanged();
}

export function mediaChanged() {
  stale.media = true;
  schedule();
}

/** Media after jobs: so the result of every completed job shown is in the library shown. */
async function refresh() {
  const wanted = { ...stale };
  Object.assign(stale, NOTHING, { jobs: new Set() });
  const fresh = await freshJobs(wanted);
  const unknown = fresh.rows.some((job) => job.output_id && !store.mediaById.value.has(job.output_id));
  const asked = store.question.value;
  const [library, trash] = wanted.media || unknown ? await freshLibrary(asked) : [];
  const isCurrent = asked === store.question.value; // else the answer to the new one is on its way
  batch(() => {
    if (library && isCurrent) showLibrary(library, asked);
    if (trash) store.setTrash(trash.media, trash.next_cursor);
    if (fresh.cursor !== undefined) {
      keepOnly(fresh);
      store.jobsCursor.value = fresh.cursor;
    }
    announce(store.mergeJobs(fresh.rows));
    store.loaded.value = true;
  });
}

function freshLibrary(asked) {
  const shown = asked === store.answered.value ? store.media.value.length : 0;
  return Promise.all([asMany(shown, 'media', (page) => listMedia({ ...page, ...asked })), listTrash(MOST)]);
}

function showLibrary({ media, next_cursor: cursor }, asked) {
  const isNew = store.loaded.value && asked !== store.answered.value;
  store.setMedia(media, cursor, asked);
  if (isNew) store.announcement.value = tn('library.found', media.length, { count: `${media.length}${cursor === null ? '' : '+'}` });
}

const idOf = (row) => row.id ?? row.job_id; // a file may have both

/** At least as many rows as are shown, as far as there are so many: `{[rows]: […], next_cursor}`. */
async function asMany(shown, rows, list) {
  let answer = await list({ limit: Math.min(MOST, Math.max(PAGE, shown)) });
  while (answer[rows].length < shown && answer.next_cursor !== null) {
    const limit = Math.min(MOST, shown - answer[rows].length);
    const more = await list({ limit, cursor: answer.next_cursor });
    const known = new Set(answer[rows].map(idOf)); // one that was renamed meanwhile may come twice
    answer = { [rows]: [...answer[rows], ...more[rows].filter((row) => !known.has(idOf(row)))], next_cursor: more.next_cursor };
  }
  return answer;
}

async function freshJobs({ jobs, running, waiting, allJobs }) {
  if (allJobs || jobs.size > 4) {
    const page = await asMany(store.jobs.value.length, 'jobs', listJobs);
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

/** The newest say which jobs exist: what lies beyond them is loaded again when asked for. */
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
  const [asked, cursor] = [store.answered.value, store.mediaCursor.value];
  const page = await listMedia({ limit: PAGE, cursor, ...asked });
  if (asked === store.answered.value && cursor === store.mediaCursor.value) store.addMedia(page.media, page.next_cursor);
}

export async function moreJobs() {
  const page = await listJobs({ limit: PAGE, cursor: store.jobsCursor.value });
  batch(() => {
    store.mergeJobs(page.jobs);
    store.jobsCursor.value = page.next_cursor;
  });
}
