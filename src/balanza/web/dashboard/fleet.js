// What the dashboard knows. One signal per worker, so that a card is drawn again only when its own worker changed.
import { computed, signal } from '../vendor/signals/signals.js';
import { t } from '../i18n.js';

/** The ids of all workers, in order. */
export const ids = signal([]);
export const summary = signal(null);
/** The body of GET /queue/stats. */
export const queues = signal(null);
/** Some of the jobs that wait, newest first. */
export const pending = signal([]);
/** The body of GET /workers/history for `measure`. */
export const history = signal(null);
export const measure = signal('cpu_load');
export const decisions = signal([]);
/** The attempts of the last minutes by worker; a new Map at each change. */
export const lanes = signal(new Map());
/** Whether nothing ran in these minutes. */
export const isBare = computed(() => lanes.value.size === 0);
/** The open dialog: `{kind: 'drain' | 'add', worker}`, or null. */
export const dialog = signal(null);
/** False until the first answer. */
export const loaded = signal(false);

export const WINDOW_MINUTES = 15;
const WINDOW_MS = WINDOW_MINUTES * 60_000;

const records = new Map();
const bars = new Map();
let clockAhead = 0;

/** The time by the server's clock, in milliseconds. */
export const now = () => Date.now() + clockAhead;

function recordOf(id) {
  let record = records.get(id);
  if (record === undefined) {
    const stats = signal(null);
    const status = computed(() => stats.value?.status);
    record = { stats, status, running: signal([]), isSuspect: computed(() => Boolean(stats.value?.quarantine_reason)) };
    records.set(id, record);
  }
  return record;
}

export const statsOf = (id) => recordOf(id).stats;
export const runningOn = (id) => recordOf(id).running;
export const statusOf = (id) => recordOf(id).status;
/** Whether it is in quarantine or on trial. */
export const isSuspect = (id) => recordOf(id).isSuspect;

const byName = new Intl.Collator('en', { numeric: true }).compare;
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export function setFleet({ workers, summary: sum }) {
  for (const worker of workers) recordOf(worker.worker_id).stats.value = worker;
  const present = workers.map((worker) => worker.worker_id).sort(byName);
  if (!same(present, ids.value)) ids.value = present;
  summary.value = sum;
}

/** `jobs`: all that are being converted. */
export function setRunning(jobs) {
  const byWorker = Map.groupBy(jobs, (job) => job.worker_id);
  for (const [id, record] of records) {
    const running = (byWorker.get(id) ?? []).sort((a, b) => (a.started_at < b.started_at ? -1 : 1));
    if (running.length > 0 || record.running.value.length > 0) record.running.value = running;
  }
}

const keyOf = (bar) => `${bar.job_id} ${bar.number}`;

/** Puts fresh bars in the place of the known ones, and lets go of those that left the window. */
export function mergeTimeline({ now: at, bars: fresh }) {
  clockAhead = Date.parse(at) - Date.now();
  for (const bar of fresh) {
    const end = bar.ended_at === null ? null : Date.parse(bar.ended_at);
    bars.set(keyOf(bar), { ...bar, start: Date.parse(bar.started_at), end });
  }
  const oldest = now() - WINDOW_MS;
  for (const [key, bar] of bars) if (bar.end !== null && bar.end < oldest) bars.delete(key);
  lanes.value = Map.groupBy(bars.values(), (bar) => bar.worker_id);
}

export const FEED = 30;

/** `fresh`: the newest. When none of them is known there may be a gap behind them: what is older goes. */
export function mergeDecisions(fresh) {
  const known = new Set(decisions.value.map((decision) => decision.id));
  const news = fresh.filter((decision) => !known.has(decision.id));
  if (news.length > 0) decisions.value = [...news, ...(news.length < fresh.length ? decisions.value : [])].slice(0, FEED);
}

/** What the job converts, `song.wav → FLAC`; null when it is none of those shown. */
export function nameOf(jobId) {
  const job = named.value.get(jobId);
  return job ? titleOf(job) : null;
}

/** What a job converts. The names of other people's files are not told. */
export const titleOf = ({ input_file: name, output_format: format }) => `${name ?? t('fleet.file_of_others')} → ${format.toUpperCase()}`;

const named = computed(() => {
  const known = new Map();
  for (const lane of lanes.value.values()) for (const bar of lane) known.set(bar.job_id, bar);
  for (const job of pending.value) known.set(job.job_id, job);
  return known;
});

/** Conversions completed over the last minute that was recorded; null while there is no such minute. */
export const perMinute = computed(() => {
  const { at, completed } = history.value ?? { at: [] };
  const last = at.length - 1;
  const before = at.findLastIndex((moment) => moment <= at[last] - 60);
  if (last < 1 || before < 0) return null;
  return Math.max(0, ((completed[last] - completed[before]) * 60) / (at[last] - at[before]));
});
