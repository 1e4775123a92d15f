// Plays in an element the preview of what this browser cannot play as it is: a worker converts it, and it plays while it
// grows (HTTP Live Streaming). hls.js is loaded with the first one. It has no worker of its own: that would be a script
// made of text, which the page's policy forbids.
import { getPreview, previewAddress } from '../api.js';
import * as store from '../store.js';

const ASK_AGAIN_MS = 1000;
const KEPT_BEHIND_SECONDS = 60;
const AHEAD_SECONDS = 8;

/** What is known of a preview before the server has told. */
export const NOTHING = { status: 'pending', progress: 0, playlist: null };

/** Has the preview made if need be, and plays it as soon as it begins. `onKnown` is told how far it is, again and again;
    `onNone` when it cannot be made or played. What it answers ends all that. */
export function playPreview(element, id, { onKnown, onNone }) {
  let [isOver, timer, playlist, playing] = [false, null, null, null];

  async function ask() {
    clearTimeout(timer);
    let found = null;
    try {
      found = await getPreview(id);
    } catch (problem) {
      if (isOver) return;
      if (problem.status >= 400 && problem.status < 500) {
        onNone();
        return;
      }
    }
    if (isOver) return;
    if (found) take(found);
    if (found?.status !== 'completed') timer = setTimeout(ask, ASK_AGAIN_MS);
  }

  function take(found) {
    onKnown(found);
    if (found.playlist === playlist || !reaches(found, id, element)) return;
    const isFirst = playlist === null;
    const [seconds, isWanted] = isFirst ? [0, true] : [element.currentTime, !element.paused];
    playing?.end();
    playlist = found.playlist;
    const told = { onGone: ask, onBroken: () => isOver || onNone() };
    playing = play(element, previewAddress(id, playlist), { seconds, isWanted, ...told });
  }

  ask();
  return () => {
    isOver = true;
    clearTimeout(timer);
    playing?.end();
  };
}

/** Whether there is enough of the preview to go on where the element is: another worker may have begun anew. */
function reaches({ status, progress, playlist }, id, element) {
  if (playlist === null || status === 'completed') return playlist !== null;
  const length = store.mediaById.value.get(id)?.duration_seconds ?? Infinity;
  return !element.currentTime || (progress / 100) * length > element.currentTime + AHEAD_SECONDS;
}

/** Plays from that second on. What it answers ends that. */
function play(element, address, { seconds, isWanted, onGone, onBroken }) {
  let isOver = false;
  let hls = null;
  const begin = ({ default: Hls }) => {
    if (isOver) return;
    if (Hls.isSupported()) {
      hls = new Hls({ enableWorker: false, startPosition: seconds, backBufferLength: KEPT_BEHIND_SECONDS });
      hls.on(Hls.Events.ERROR, (_event, { fatal, type }) => fatal && failed(type === Hls.ErrorTypes.NETWORK_ERROR));
      hls.on(Hls.Events.MEDIA_ATTACHED, start);
      hls.loadSource(address);
      hls.attachMedia(element);
    } else {
      element.addEventListener('error', onBroken, { once: true });
      element.src = address;
      start();
    }
  };
  const start = () => isWanted && element.play().catch(() => {}); // refused: the element stays paused, which is shown
  let hasRecovered = false;
  const failed = (isOfNetwork) => {
    if (isOfNetwork) {
      onGone();
      setTimeout(() => isOver || hls.startLoad(), ASK_AGAIN_MS);
    } else if (hasRecovered) onBroken();
    else {
      hasRecovered = true;
      hls.recoverMediaError();
    }
  };
  import('../vendor/hls/hls.js').then(begin, onBroken);
  return {
    end() {
      isOver = true;
      element.removeEventListener('error', onBroken);
      hls?.destroy();
    },
  };
}
