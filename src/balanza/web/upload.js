// The files on their way to the server: a few at a time, and how far each and all of them are.
import { computed, signal } from './vendor/signals/signals.js';
import { isLeaving } from './api.js';
import { percent } from './format.js';
import { t } from './i18n.js';
import { mediaChanged } from './live.js';
import { announcement } from './store.js';
import { transfer } from './transfer.js';
import { fingerprintOf, unfinished } from './unfinished.js';
import { isSaving } from './zip.js';

// Of the six connections a browser opens to one server, the event stream and the player take one each.
const AT_ONCE = 2;
const REDRAW_MS = 150;
const SPEED_SECONDS = 3;
const RUNNING = ['sending', 'interrupted', 'checking'];

/**
 * `{id, item, fingerprint, name, size, state: waiting | sending | interrupted | checking | failed, sent, resumedAt,
 * bytesPerSecond, problem}`
 */
export const uploads = signal([]);
/** Of the files that were sent since there was last nothing to send. */
const done = signal({ files: 0, bytes: 0 });

const stops = new Map();
let last = 0;

const underWay = (upload) => upload.state !== 'failed';

/** How far all are together: `{files, done, sent, size, bytesPerSecond}`. */
export const total = computed(() => {
  const going = uploads.value.filter(underWay);
  const sum = (key) => going.reduce((soFar, upload) => soFar + (upload[key] ?? 0), 0);
  return {
    files: going.length + done.value.files,
    done: done.value.files,
    sent: sum('sent') + done.value.bytes,
    size: sum('size') + done.value.bytes,
    bytesPerSecond: sum('bytesPerSecond'),
  };
});

/** Those of earlier that nobody goes on with here. */
export const interrupted = computed(() => {
  const here = new Set(uploads.value.map((upload) => upload.fingerprint));
  return unfinished.value.filter((one) => !here.has(one.fingerprint));
});

/** Takes `{file, path}` items; those that are under way already are not sent twice, those that failed are tried again. */
export function enqueue(items) {
  if (!isUploading()) done.value = { files: 0, bytes: 0 };
  for (const item of items) {
    const fingerprint = fingerprintOf(item);
    const known = uploads.value.find((upload) => upload.fingerprint === fingerprint);
    if (!known) add(item, fingerprint);
    else if (!underWay(known)) retryUpload(known.id);
  }
  startNext();
}

function add(item, fingerprint) {
  last += 1;
  const { name, size } = item.file;
  const fresh = { resumedAt: null, sent: 0, bytesPerSecond: null, problem: null };
  uploads.value = [...uploads.value, { id: last, item, fingerprint, name, size, state: 'waiting', ...fresh }];
}

export function cancelUpload(id) {
  uploads.value = uploads.value.filter((upload) => upload.id !== id);
  stops.get(id)?.();
  stops.delete(id);
  startNext();
}

export function retryUpload(id) {
  patch(id, { state: 'waiting', resumedAt: null, sent: 0, bytesPerSecond: null, problem: null });
  startNext();
}

export const isUploading = () => uploads.value.some(underWay);

function patch(id, changes) {
  uploads.value = uploads.value.map((upload) => (upload.id === id ? { ...upload, ...changes } : upload));
}

function startNext() {
  while (uploads.value.filter((upload) => RUNNING.includes(upload.state)).length < AT_ONCE) {
    const next = uploads.value.find((upload) => upload.state === 'waiting');
    if (!next) return;
    patch(next.id, { state: 'sending' });
    send(next);
  }
}

function send({ id, item, name, size }) {
  const speed = speedometer();
  const stop = transfer(item, {
    resumed: (bytes) => {
      speed.restart(bytes);
      patch(id, { state: 'sending', resumedAt: bytes, sent: bytes, bytesPerSecond: null });
      announcement.value = t('announce.resumed', { name, percent: percent((100 * bytes) / size) });
    },
    sent: (bytes) => {
      if (bytes >= size) patch(id, { state: 'checking', sent: size, bytesPerSecond: null });
      else if (speed.took(bytes)) patch(id, { state: 'sending', sent: bytes, bytesPerSecond: speed.bytesPerSecond() });
    },
    interrupted: () => patch(id, { state: 'interrupted', bytesPerSecond: null }),
    done: () => {
      uploads.value = uploads.value.filter((upload) => upload.id !== id);
      done.value = { files: done.value.files + 1, bytes: done.value.bytes + size };
      announcement.value = t('announce.uploaded', { name });
      mediaChanged();
      ended(id);
    },
    failed: (problem) => {
      patch(id, { state: 'failed', problem, bytesPerSecond: null });
      announcement.value = t('announce.upload_failed', { name });
      startNext();
    },
  });
  stops.set(id, stop);
}

function ended(id) {
  stops.delete(id);
  startNext();
}

/** Takes a few samples a second; the speed is that of the last seconds, so that it follows the line and does not jump. */
function speedometer() {
  let samples = [{ at: performance.now(), sent: 0 }];
  return {
    restart: (sent) => {
      samples = [{ at: performance.now(), sent }];
    },
    took: (sent) => {
      const now = performance.now();
      if (now - samples.at(-1).at < REDRAW_MS) return false;
      samples.push({ at: now, sent });
      while (samples.length > 2 && now - samples[0].at > SPEED_SECONDS * 1000) samples.shift();
      return true;
    },
    bytesPerSecond: () => {
      const [first, newest] = [samples[0], samples.at(-1)];
      return Math.max(0, (1000 * (newest.sent - first.sent)) / (newest.at - first.at));
    },
  };
}

window.addEventListener('beforeunload', (event) => {
  if (isUploading() && !isLeaving() && !isSaving()) event.preventDefault();
});
