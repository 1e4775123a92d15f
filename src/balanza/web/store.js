// What the page knows: signals that the components read, and the few ways in which they change.
import { batch, computed, signal } from './vendor/signals/signals.js';

export const LIVE = ['pending', 'processing'];

export const media = signal([]);
export const mediaCursor = signal(null);
/** What is asked of the library: part of a name, a kind, an order. See library/question.js. */
export const question = signal({ search: '', kind: '', sort: 'newest' });
/** The question that `media` answers. */
export const answered = signal(question.value);
/** The newest of the trash, the last deleted first; with a cursor when there are more. */
export const trash = signal([]);
export const trashCursor = signal(null);
export const jobs = signal([]);
export const jobsCursor = signal(null);
/** False until the first answer: before it, an empty list means nothing. */
export const loaded = signal(false);
/** `live`, `interrupted` (no stream, but the server answers) or `unreachable`. */
export const connection = signal('live');
export const formats = signal(null);
export const playing = signal(null);
/** The open dialog: `{kind: 'convert' | 'rename' | 'share' | 'trash' | 'forever', media: […]}`, `{kind: 'why', job}`, or null. */
export const dialog = signal(null);
/** The chosen files by their ids, also those that the library does not show just now. */
export const selected = signal(new Map());
/** What happened, newest last: `{id, kind: 'done' | 'error', text, problems, action}`; `action: {label, run, hasFocus}` or null. */
export const notices = signal([]);
/** Read aloud by screen readers, not shown. */
export const announcement = signal('');

export const mediaById = computed(() => new Map(media.value.map((item) => [item.id, item])));
export const liveJobs = computed(() => jobs.value.filter((job) => LIVE.includes(job.status)).length);

/** Whose links have changed last: the id of the file, null for anybody's; and how often some have. */
export const shared = signal({ media: null, times: 0 });

export function linksChanged(media = null) {
  shared.value = { media, times: shared.value.times + 1 };
}

let lastNotice = 0;

/** Good news replaces good news, so that notices never cover the page; errors stay until dismissed. */
export function notify(kind, text, problems = [], action = null) {
  lastNotice += 1;
  const errors = notices.value.filter((notice) => notice.kind === 'error').slice(-2);
  notices.value = [...errors, { id: lastNotice, kind, text, problems, action }];
}

export function dismiss(id) {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

export const isNarrow = ({ search, kind }) => search !== '' || kind !== '';

/** Whether `media` is the whole library. */
export const isWhole = computed(() => mediaCursor.value === null && !isNarrow(answered.value));

/** The answer to `asked`. What is chosen stays so, unless it is sure that it is gone. */
export function setMedia(items, cursor, asked = answered.value) {
  batch(() => {
    media.value = items;
    mediaCursor.value = cursor;
    answered.value = asked;
    const fresh = mediaById.value;
    const kept = [...selected.value.values()].filter(({ id }) => !isWhole.value || fresh.has(id));
    selected.value = new Map(kept.map((item) => [item.id, fresh.get(item.id) ?? item]));
  });
}

export function addMedia(items, cursor) {
  const known = mediaById.value;
  setMedia([...media.value, ...items.filter((item) => !known.has(item.id))], cursor);
}

const newestFirst = (a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0);

/** Puts fresh rows in the place of the known ones. Answers the jobs that have ended since. */
export function mergeJobs(fresh) {
  const byId = new Map(jobs.value.map((job) => [job.job_id, job]));
  const ended = fresh.filter((job) => LIVE.includes(byId.get(job.job_id)?.status) && !LIVE.includes(job.status));
  for (const job of fresh) byId.set(job.job_id, job);
  jobs.value = [...byId.values()].sort(newestFirst);
  return ended;
}

export function select(items) {
  selected.value = new Map([...selected.value, ...items.map((item) => [item.id, item])]);
}

export function deselect(ids) {
  const next = new Map(selected.value);
  for (const id of ids) next.delete(id);
  selected.value = next;
}

export function setTrash(items, cursor) {
  trash.value = items;
  trashCursor.value = cursor;
}

const trashedIds = computed(() => new Set(trash.value.map((item) => item.id)));

export const isResultTrashed = (job) => trashedIds.value.has(job.output_id);

/** True when the result of `job` has been deleted; only a wholly loaded library can tell. */
export const isResultGone = (job) => job.output_id !== null && isWhole.value && !mediaById.value.has(job.output_id);
