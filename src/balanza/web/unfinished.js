// The uploads that this browser began and that are not complete yet: they go on after a closed tab or another start.
import { effect, signal } from './vendor/signals/signals.js';
import { me } from './accounts/me.js';

const REMEMBERED = 'balanza.uploads';
const LOCAL = 'local'; // who uses a server without accounts, and whoever is its first administrator later
// The server gives an upload up when nothing came for so long.
const LIFETIME_MS = 24 * 3600 * 1000;
const TUS = { 'Tus-Resumable': '1.0.0' };

export const endpoint = () => new URL('files', document.baseURI).href;

/** What is known of each, by its fingerprint: `{fingerprint, name, size, sent, url, at, goingAt}`. */
export const unfinished = signal(read());

/** Of each account its own: others who log in at this browser do not see them. */
function place() {
  const id = me.value?.user?.id ?? LOCAL;
  return id === LOCAL ? REMEMBERED : `${REMEMBERED}.${id}`;
}

function read() {
  try {
    const all = JSON.parse(localStorage.getItem(place()) ?? '[]');
    return all.filter(({ at, url }) => Date.now() - at < LIFETIME_MS && url.startsWith(`${endpoint()}/`));
  } catch {
    return []; // storage is forbidden, or somebody else's
  }
}

/** Other tabs write it too: so it is read again before each change. */
function change(fingerprint, entry) {
  const all = read().filter((one) => one.fingerprint !== fingerprint);
  unfinished.value = entry ? [...all, entry] : all;
  try {
    localStorage.setItem(place(), JSON.stringify(unfinished.value));
  } catch {
    // then it holds until the page is left
  }
}

export const forget = (fingerprint) => change(fingerprint, null);

/** So many bytes have arrived for good. */
export function noteSent(fingerprint, sent) {
  const entry = read().find((one) => one.fingerprint === fingerprint);
  if (entry) change(fingerprint, { ...entry, sent, at: Date.now() });
}

// A page that nobody looks at is woken once a minute.
const SILENT_MS = 75_000;
const LOOK_MS = 15_000;
const mine = new Set();
const now = signal(Date.now());

/** This page sends it, and says so to the others again and again. */
export function noteGoing(fingerprint) {
  mine.add(fingerprint);
  mark(fingerprint, Date.now());
}

/** This page sends it no longer. */
export function noteStopped(fingerprint) {
  if (mine.delete(fingerprint)) mark(fingerprint, 0);
}

function mark(fingerprint, goingAt) {
  const entry = read().find((one) => one.fingerprint === fingerprint);
  if (entry) change(fingerprint, { ...entry, goingAt });
}

/** Whether another page is sending it. */
export const isGoing = ({ fingerprint, goingAt = 0 }) => !mine.has(fingerprint) && now.value - goingAt < SILENT_MS;

/** The same file is the one of this name, size and time, in the same folder of a drop. */
export const fingerprintOf = ({ file, path }) => [path || file.name, file.size, file.lastModified].join(' · ');

/** The memory of the tus client, in the form that it asks for. */
export const urlStorage = {
  findAllUploads: async () => unfinished.value.map(remembered),
  findUploadsByFingerprint: async (fingerprint) =>
    unfinished.value.filter((one) => one.fingerprint === fingerprint).map(remembered),
  removeUpload: async (fingerprint) => forget(fingerprint),
  addUpload: async (fingerprint, { size, metadata, uploadUrl }) => {
    const at = Date.now();
    change(fingerprint, { fingerprint, name: metadata.filename, size, sent: 0, url: uploadUrl, at, goingAt: at });
    return fingerprint;
  },
};

const remembered = ({ fingerprint, size, url, at }) => ({
  size,
  metadata: {},
  creationTime: new Date(at).toString(),
  uploadUrl: url,
  urlStorageKey: fingerprint,
});

/** Asks the server how far each is; what it has given up or finished is forgotten. */
export async function askHowFar() {
  await Promise.all(
    unfinished.value.map(async ({ fingerprint, url }) => {
      const { ok, status, headers } = await fetch(url, { method: 'HEAD', headers: TUS, cache: 'no-store' });
      if (status === 404 || status === 410 || headers.has('Balanza-Media-Id')) forget(fingerprint);
      else if (ok) noteSent(fingerprint, Number(headers.get('Upload-Offset')));
    }),
  );
}

/** Gives it up here and on the server. */
export async function giveUp({ fingerprint, url }) {
  forget(fingerprint);
  await fetch(url, { method: 'DELETE', headers: TUS });
}

window.addEventListener('storage', ({ key }) => {
  if (key !== place()) return;
  now.value = Date.now();
  unfinished.value = read();
});
effect(() => {
  unfinished.value = read();
});
window.addEventListener('pagehide', () => [...mine].forEach(noteStopped));
setInterval(() => {
  now.value = Date.now();
}, LOOK_MS);
