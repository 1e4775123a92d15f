// Sends files to the server, a few at a time, and says how far each is.
import { signal } from './vendor/signals/signals.js';
import { Problem, problemFrom, UNREACHABLE } from './api.js';
import { t } from './i18n.js';
import { mediaChanged } from './live.js';
import { announcement } from './store.js';

// Of the six connections a browser opens to one server, the event stream and the player take one each.
const AT_ONCE = 2;
const REDRAW_MS = 150;
const SPEED_SECONDS = 3;

/** `{id, file, name, size, state: waiting | sending | checking | failed, sent, bytesPerSecond, problem}` */
export const uploads = signal([]);

const requests = new Map();
let last = 0;

export function enqueue(files) {
  const added = [...files].map((file) => {
    last += 1;
    return { id: last, file, name: file.name, size: file.size, state: 'waiting', sent: 0, bytesPerSecond: null };
  });
  uploads.value = [...uploads.value, ...added];
  startNext();
}

export function cancelUpload(id) {
  uploads.value = uploads.value.filter((upload) => upload.id !== id);
  requests.get(id)?.abort();
}

export function retryUpload(id) {
  patch(id, { state: 'waiting', sent: 0, bytesPerSecond: null, problem: null });
  startNext();
}

export const isUploading = () => uploads.value.some((upload) => upload.state !== 'failed');

function patch(id, changes) {
  uploads.value = uploads.value.map((upload) => (upload.id === id ? { ...upload, ...changes } : upload));
}

function startNext() {
  const next = uploads.value.find((upload) => upload.state === 'waiting');
  if (!next || requests.size >= AT_ONCE) return;
  send(next);
  startNext();
}

function send({ id, file, name }) {
  const request = new XMLHttpRequest();
  requests.set(id, request);
  patch(id, { state: 'sending' });
  request.open('POST', 'upload');
  request.setRequestHeader('Content-Type', 'application/octet-stream');
  request.setRequestHeader('X-Filename', encodeURIComponent(name));
  request.upload.addEventListener('progress', progressOf(id));
  request.upload.addEventListener('load', () => patch(id, { state: 'checking', sent: file.size, bytesPerSecond: null }));
  request.addEventListener('load', () => onAnswer(id, name, request));
  request.addEventListener('error', () => onFailed(id, name, new Problem(UNREACHABLE, '')));
  request.addEventListener('loadend', () => {
    requests.delete(id);
    startNext();
  });
  request.send(file);
}

/** Redraws a few times a second; the speed is that of the last seconds, so that it follows the line and does not jump. */
function progressOf(id) {
  const samples = [{ at: performance.now(), sent: 0 }];
  return ({ loaded }) => {
    const now = performance.now();
    if (now - samples.at(-1).at < REDRAW_MS) return;
    samples.push({ at: now, sent: loaded });
    while (samples.length > 2 && now - samples[0].at > SPEED_SECONDS * 1000) samples.shift();
    const first = samples[0];
    patch(id, { sent: loaded, bytesPerSecond: (1000 * (loaded - first.sent)) / (now - first.at) });
  };
}

function onAnswer(id, name, request) {
  if (request.status !== 201) {
    onFailed(id, name, problemFrom(request.status, request.responseText));
    return;
  }
  uploads.value = uploads.value.filter((upload) => upload.id !== id);
  announcement.value = t('announce.uploaded', { name });
  mediaChanged();
}

function onFailed(id, name, problem) {
  patch(id, { state: 'failed', problem });
  announcement.value = t('announce.upload_failed', { name });
}

/** The files of a drop, those inside dropped folders included. */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function filesBelow(entry) {
  if (entry.isFile) return [await new Promise((found, failed) => entry.file(found, failed))];
  const reader = entry.createReader();
  const below = [];
  for (;;) {
    // A reader hands out its entries in portions; an empty one is the last.
    const portion = await new Promise((found, failed) => reader.readEntries(found, failed));
    if (portion.length === 0) return (await Promise.all(below.map(filesBelow))).flat();
    below.push(...portion);
  }
}
