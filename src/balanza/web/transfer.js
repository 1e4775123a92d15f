// One file on its way to the server by the tus protocol: it goes on by itself after whatever breaks it.
import { Problem, problemFrom, UNREACHABLE } from './api.js';
import { endpoint, fingerprintOf, forget, noteGoing, noteSent, noteStopped, urlStorage } from './unfinished.js';

// A piece is what is sent again when the computers lose power, and how much is read of a refused file before it ends.
const PIECE_BYTES = 32 * 1024 * 1024;
// For an hour: a train's tunnel, a server's upgrade. Then a person is asked.
const RETRY_MS = [0, 1000, 2000, ...Array(720).fill(5000)];
// A line that died without a word, as when a laptop slept, is given up for a new one.
const STALL_MS = 30_000;
const LOOK_MS = 5000;
const PASSING = [0, 408, 409, 423, 429];
const STORAGE_FULL = 507;
const UNREADABLE = 'unreadable-file';
// What is answered when the server keeps nothing of the upload: there is nothing to go on with, or to remove.
const NOTHING_KEPT = [404, 410, 413, 422];

let loading;

/** The client comes with the first upload: the page is there sooner without it. */
function load() {
  loading ??= import('./vendor/tus/tus.js').then(
    (module) => module.default,
    () => {
      loading = undefined;
      throw new Problem(UNREACHABLE, '');
    },
  );
  return loading;
}

const statusOf = (error) => error.originalResponse?.getStatus() ?? 0;
const mayPass = (status) => PASSING.includes(status) || (status >= 500 && status !== STORAGE_FULL);

function problemOf(error) {
  if (error instanceof Problem) return error;
  const status = statusOf(error);
  return status === 0 ? new Problem(UNREACHABLE, '') : problemFrom(status, error.originalResponse.getBody());
}

/**
 * Begins to send `item`, a `{file, path}`, or goes on where it was. Calls of `on`: `resumed(bytes)` when some were there
 * already, `sent(bytes)`, `interrupted()` when it will try again, and in the end `done()` or `failed(problem)`.
 * Answers a function that stops it and removes from the server what was sent.
 */
export function transfer(item, on) {
  const fingerprint = fingerprintOf(item);
  let upload = null;
  let isOver = false;
  let movedAt = performance.now();
  const tell = (what, ...values) => !isOver && on[what](...values);
  const end = (what, ...values) => {
    clearInterval(watch);
    noteStopped(fingerprint);
    tell(what, ...values);
    isOver = true;
  };
  const options = {
    endpoint: endpoint(),
    chunkSize: PIECE_BYTES,
    retryDelays: RETRY_MS,
    metadata: { filename: item.file.name, filetype: item.file.type },
    fingerprint: async () => fingerprint,
    urlStorage,
    removeFingerprintOnSuccess: true,
    onProgress: (sent) => {
      // The answer to the last byte takes as long as the file is looked into.
      movedAt = sent < item.file.size ? performance.now() : Infinity;
      tell('sent', sent);
    },
    onChunkComplete: (_, sent) => noteSent(fingerprint, sent),
    onShouldRetry: (error) => {
      const again = mayPass(statusOf(error));
      movedAt = performance.now();
      if (again) tell('interrupted');
      if (statusOf(error) === 0) endIfUnreadable();
      return again;
    },
    onAfterResponse: (request, response) => {
      if (request.getMethod() !== 'HEAD') return;
      // Of a proxy whose server is away: the client would take it for the end of the upload and begin a new one.
      if (response.getStatus() >= 500) throw new Error(`HTTP ${response.getStatus()}`);
      const there = Number(response.getHeader('Upload-Offset') ?? 0);
      if (there > 0) tell('resumed', there);
    },
    onSuccess: () => end('done'),
    onError: (error) => {
      if (NOTHING_KEPT.includes(statusOf(error))) {
        upload = null;
        forget(fingerprint);
      }
      end('failed', problemOf(error));
    },
  };

  /** What was moved, deleted or changed meanwhile cannot be sent, however often it is tried. */
  const endIfUnreadable = () =>
    item.file.slice(0, 1).arrayBuffer().catch(() => {
      if (isOver) return;
      upload.abort().catch(() => {});
      end('failed', new Problem(UNREADABLE, ''));
    });

  const watch = setInterval(() => {
    noteGoing(fingerprint);
    if (!upload || performance.now() - movedAt < STALL_MS) return;
    movedAt = performance.now();
    tell('interrupted');
    upload.abort().then(() => !isOver && upload.start());
  }, LOOK_MS);

  async function start() {
    const { Upload } = await load();
    if (isOver) return;
    upload = new Upload(item.file, options);
    const [previous] = await upload.findPreviousUploads();
    if (isOver) return;
    if (previous) upload.resumeFromPreviousUpload(previous);
    noteGoing(fingerprint);
    upload.start();
  }

  start().catch((error) => end('failed', problemOf(error)));
  return () => {
    isOver = true;
    clearInterval(watch);
    noteStopped(fingerprint);
    upload?.abort(true).catch(() => {}); // the server gives it up by itself after a day
    forget(fingerprint);
  };
}
