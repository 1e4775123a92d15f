// The server's HTTP interface. Addresses are relative to the page, so that it works below any path of a proxy.

/** An answer that says no: `slug` is the kind of problem, `detail` the server's sentence, `code` and `values` the same for
 * those who say it in another language. */
export class Problem extends Error {
  constructor(slug, detail, status = 0, { code = null, values = {} } = {}) {
    super(detail);
    Object.assign(this, { slug, detail, status, code, values });
  }
}

export const UNREACHABLE = 'unreachable';
const LOGIN_NEEDED = 'login-needed';

let leaving = false;

/** Whether this page is being left for the log-in: then nothing asks whether it may. */
export const isLeaving = () => leaving;

/** To the page that asks for name and password, and comes back to this one. */
export function toLogin() {
  if (leaving) return;
  leaving = true;
  const next = location.pathname.split('/').at(-1);
  location.replace(`login.html${next ? `#${new URLSearchParams({ next })}` : ''}`);
}

/** A Problem from an answer's status and text, whether it is a problem document or a proxy's page. Whoever is asked to log
 * in is led there, whatever it was that was refused. */
export function problemFrom(status, text) {
  const problem = read(status, text);
  if (problem.slug === LOGIN_NEEDED) toLogin();
  return problem;
}

function read(status, text) {
  try {
    const { type, detail, code, values } = JSON.parse(text);
    if (typeof type === 'string') return new Problem(type.split(/[:/]/).at(-1), detail ?? '', status, { code, values });
  } catch {
    // not ours: a proxy's page
  }
  return new Problem('unexpected', `HTTP ${status}`, status);
}

/** What the server answers; a Problem when it says no, says nothing, or is cut off while it says it. */
export async function call(path, options = {}) {
  const response = await fetch(path, { cache: 'no-store', ...options }).catch(breakOff);
  if (!response.ok) {
    const problem = problemFrom(response.status, await response.text().catch(breakOff));
    throw Object.assign(problem, { retryAfterSeconds: Number(response.headers.get('Retry-After')) || null });
  }
  return response.status === 204 ? null : response.json().catch(breakOff);
}

function breakOff() {
  throw new Problem(UNREACHABLE, '');
}

function query(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined);
  return `${path}?${new URLSearchParams(given)}`;
}

export const post = (path, body) =>
  call(path, {
    method: 'POST',
    headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });

/** `search`, `kind` and `sort` are the library's question; with a cursor it is the same as before. */
export const listMedia = ({ limit, cursor, search, kind, sort } = {}) =>
  call(query('media', { limit, cursor, search: search || null, kind: kind || null, sort }));
export const listTrash = (limit) => call(query('media', { limit, trash: true }));
export const listJobs = ({ limit, cursor, status } = {}) => call(query('jobs', { limit, cursor, status }));
export const getJob = (id) => call(`jobs/${encodeURIComponent(id)}`);
export const getFormats = () => call('formats');
export const cancelJob = (id) => post(`jobs/${encodeURIComponent(id)}/cancel`);
export const retryJob = (id) => post(`jobs/${encodeURIComponent(id)}/retry`);
export const explainJob = (id) => call(`jobs/${encodeURIComponent(id)}/decision`);
export const getInfo = (id) => call(`${mediaAddress(id)}/info`);
export const getPreview = (id) => call(`${mediaAddress(id)}/preview`);
export const renameMedia = (id, name) =>
  call(mediaAddress(id), { method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name }) });
export const trashMedia = (id) => call(mediaAddress(id), { method: 'DELETE' });
export const deleteForever = (id) => call(`${mediaAddress(id)}?forever=true`, { method: 'DELETE' });
export const restoreMedia = (id) => post(`${mediaAddress(id)}/restore`);

export const shareMedia = (id, terms) => post(`media/${encodeURIComponent(id)}/shares`, terms);
export const listShares = (media, cursor) => call(query('shares', { media, cursor }));
export const revokeShare = (id) => call(`shares/${encodeURIComponent(id)}`, { method: 'DELETE' });

const once = (path, body, key) =>
  call(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
    body: JSON.stringify(body),
  });

/** The same `key` gives the same job, however often it is sent. */
export const convert = (wanted, key) => once('convert', wanted, key);
/** A job for each file, all or none; of the same `key` the same ones. */
export const convertBatch = (wanted, key) => once('convert/batch', wanted, key);

/** What would come out of it. */
export const estimate = (mediaId, format, options, signal) =>
  call('convert/estimate', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ input_file: mediaId, output_format: format, options }),
    signal,
  });

export const mediaAddress = (id) => `media/${encodeURIComponent(id)}`;
/** Where the `playlist` lies that `getPreview` told of. */
export const previewAddress = (id, playlist) => `${mediaAddress(id)}/${playlist}`;
export const downloadAddress = (id) => `${mediaAddress(id)}?download=1`;

/** The status of a media file's address, without its bytes; 0 when nobody answers. */
export async function mediaStatus(id) {
  try {
    return (await fetch(mediaAddress(id), { method: 'HEAD', cache: 'no-store' })).status;
  } catch {
    return 0;
  }
}

// The fleet.
export const getFleet = () => call('workers/stats');
export const getQueues = () => call('queue/stats');
export const getHistory = (measure) => call(query('workers/history', { measure }));
export const getTimeline = (minutes) => call(query('workers/timeline', { minutes }));
export const listDecisions = (limit) => call(query('decisions', { limit }));
const workerAddress = (id) => `workers/${encodeURIComponent(id)}`;
export const drainWorker = (id, graceSeconds) => post(query(`${workerAddress(id)}/drain`, { grace_seconds: graceSeconds }));
export const resumeWorker = (id) => post(`${workerAddress(id)}/resume`);
export const removeWorker = (id) => call(workerAddress(id), { method: 'DELETE' });
