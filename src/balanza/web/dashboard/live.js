// What the events of the server make stale on the dashboard, and how each is fetched.
import { batch } from '../vendor/signals/signals.js';
import { getFleet, getHistory, getQueues, getTimeline, listDecisions, listJobs } from '../api.js';
import { follow, reload, schedule } from '../stream.js';
import * as fleet from './fleet.js';

const JOB_EVENTS = [
  'job.submitted', 'job.assigned', 'job.leased', 'job.completed', 'job.attempt_failed', 'job.failed', 'job.released',
  'job.cancelled', 'job.retried',
  'fleet.changed', // what administrators hear of the jobs of others
];
const WORKER_EVENTS = [
  'worker.registered', 'worker.left', 'worker.offline', 'worker.draining', 'worker.resumed', 'worker.quarantined',
  'worker.trusted', 'worker.removed',
];
const PAUSE_MS = 600;
const BUSY = 4; // pages of 200 running conversions, at the most
const WAITING = 60;
const FEW_DECISIONS = 10; // each of a large fleet has up to a hundred candidates

const stale = { load: false, jobs: false, all: false };
let historyAt = -Infinity;
let barsAt = -Infinity;
let took = 0;

export { reload };

export function startLive() {
  const listeners = {
    ...each(JOB_EVENTS, jobsChanged),
    ...each(WORKER_EVENTS, loadChanged),
    'job.progress': loadChanged,
  };
  follow({ listeners, expire, isStale, refresh, pause: () => Math.max(PAUSE_MS, took) });
}

const each = (types, listener) => Object.fromEntries(types.map((type) => [type, listener]));
const isStale = () => stale.load || stale.jobs || stale.all;

function expire() {
  stale.all = true;
}

function jobsChanged() {
  stale.jobs = true;
  schedule();
}

/** Every heartbeat hints that loads changed. */
export function loadChanged() {
  stale.load = true;
  schedule();
}

/** The first time what is seen first comes alone: history and decisions are twenty times as long. */
async function refresh() {
  const wanted = { ...stale };
  Object.assign(stale, { load: false, jobs: false, all: false });
  const started = performance.now();
  const hasJobs = wanted.all || wanted.jobs;
  const isFirst = !fleet.loaded.value;
  const seen = () => [freshLoad(), hasJobs ? freshBars(wanted.all) : null, hasJobs ? freshQueues() : null];
  if (isFirst) await show(seen());
  await show([
    ...(isFirst ? [] : seen()),
    isHistoryOld() || wanted.all ? freshHistory() : null,
    hasJobs ? freshDecisions(wanted.all) : null,
  ]);
  took = performance.now() - started;
}

async function show(fetched) {
  const put = await Promise.all(fetched);
  batch(() => {
    for (const store of put) store?.();
    fleet.loaded.value = true;
  });
}

/** Each of these fetches and answers with what then puts it into the store, so that all is drawn at once. */
async function freshLoad() {
  const [stats, running] = await Promise.all([getFleet(), allRunning()]);
  return () => {
    fleet.setFleet(stats);
    fleet.setRunning(running);
  };
}

async function allRunning() {
  const running = [];
  let cursor = null;
  for (let page = 0; page < BUSY; page += 1) {
    const found = await listJobs({ status: 'processing', limit: 200, cursor });
    running.push(...found.jobs);
    cursor = found.next_cursor;
    if (cursor === null) break;
  }
  return running;
}

const isHistoryOld = () =>
  performance.now() - historyAt >= 1000 * (fleet.history.value?.step_seconds ?? 0);

async function freshHistory() {
  historyAt = performance.now();
  const history = await getHistory(fleet.measure.value);
  return () => {
    if (history.measure === fleet.measure.value) fleet.history.value = history;
  };
}

/** What changed since the last time: what ran at some time since then. */
async function freshBars(all) {
  const before = barsAt;
  barsAt = performance.now();
  const since = (barsAt - before) / 60_000 + 0.1; // and a little more, for what was committed late
  const timeline = await getTimeline(all ? fleet.WINDOW_MINUTES : Math.min(fleet.WINDOW_MINUTES, since));
  return () => fleet.mergeTimeline(timeline);
}

async function freshQueues() {
  const [queues, waiting] = await Promise.all([getQueues(), listJobs({ status: 'pending', limit: WAITING })]);
  return () => {
    fleet.queues.value = queues;
    fleet.pending.value = waiting.jobs;
  };
}

async function freshDecisions(all) {
  const page = await listDecisions(all ? fleet.FEED : FEW_DECISIONS);
  return () => fleet.mergeDecisions(page.decisions);
}

/** Shows another measure in the first chart. */
export function showMeasure(measure) {
  fleet.measure.value = measure;
  historyAt = -Infinity;
  loadChanged();
}
