// The preview of a film that this browser cannot play as it is: a worker converts it, and it plays while it grows
// (HTTP Live Streaming). hls.js is loaded with the first one. It has no worker of its own: that would be a script made of
// text, which the page's policy forbids.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { getPreview, previewAddress } from '../api.js';
import { percent } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Progress } from '../parts.js';
import * as store from '../store.js';

const ASK_AGAIN_MS = 1000;
const KEPT_BEHIND_SECONDS = 60;
const AHEAD_SECONDS = 8;

/** What browsers call the codecs that some of them cannot play, although they play others in the same file and say nothing. */
const NAMES = {
  hevc: 'video/mp4; codecs="hvc1.1.6.L93.B0"',
  mpeg4: 'video/mp4; codecs="mp4v.20.9"',
  ac3: 'audio/mp4; codecs="ac-3"',
  eac3: 'audio/mp4; codecs="ec-3"',
  dts: 'audio/mp4; codecs="dtsc"',
  truehd: 'audio/mp4; codecs="mlpa"',
};

/** Whether picture or sound of a film with these streams would be missing in this browser, which shows no picture of it when
    it `isBlind`. */
export function wouldMiss(streams, isBlind) {
  const played = ['video', 'audio'].map((kind) => streams.find((stream) => stream.kind === kind && !stream.is_cover));
  if (isBlind && played[0]) return true;
  const asked = document.createElement('video');
  return played.some((stream) => stream && stream.codec in NAMES && asked.canPlayType(NAMES[stream.codec]) === '');
}

const NOTHING = { status: 'pending', progress: 0, playlist: null };

/** How far the preview of the file is; `again` asks once more, for what is there no longer. `onNone` is told when it cannot
    be made. */
function useProgress(item, onNone) {
  const [known, setKnown] = useState(NOTHING);
  const ask = useRef(null);
  useEffect(() => {
    let timer = null;
    let isOver = false;
    ask.current = async () => {
      clearTimeout(timer);
      let found = null;
      try {
        found = await getPreview(item.id);
      } catch (problem) {
        if (problem.status >= 400 && problem.status < 500 && !isOver) onNone(problem);
        if (problem.status >= 400 && problem.status < 500) return;
      }
      if (isOver) return;
      if (found) setKnown(found);
      if (found?.status !== 'completed') timer = setTimeout(ask.current, ASK_AGAIN_MS);
    };
    ask.current();
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, []);
  return [known, () => ask.current()];
}

/** Plays the preview in the element `film` and says below it how far it is. */
export function Preview({ item, film, onNone }) {
  const [known, again] = useProgress(item, onNone);
  const [playlist, setPlaylist] = useState(null);
  const seconds = useRef(0);
  if (known.playlist !== playlist && reaches(known, item, film.current)) setPlaylist(known.playlist);
  useEffect(() => {
    if (playlist === null) return undefined;
    const element = film.current;
    const playing = play(element, previewAddress(item.id, playlist), seconds.current, { onGone: again, onBroken: onNone });
    return () => {
      seconds.current = element.currentTime;
      playing.end();
    };
  }, [playlist]);
  return html`
    <div class="preview"><p role="status">${sentenceOf(known)}</p>
      ${known.status === 'processing' && html`
        <${Progress} value=${known.progress} label=${t('preview.progress')} /><span>${percent(known.progress)}</span>`}
    </div>`;
}

/** Whether there is enough of the preview to go on where the element is: another worker may have begun anew. */
function reaches({ status, progress, playlist }, { id }, element) {
  if (playlist === null || status === 'completed') return playlist !== null;
  const length = store.mediaById.value.get(id)?.duration_seconds ?? Infinity;
  return !element?.currentTime || (progress / 100) * length > element.currentTime + AHEAD_SECONDS;
}

function sentenceOf({ status, playlist }) {
  if (status === 'completed') return t('preview.completed');
  return playlist ? t('preview.processing') : t('preview.waiting');
}

/** Plays from that second on. What it answers ends that. */
function play(element, address, seconds, { onGone, onBroken }) {
  let isOver = false;
  let hls = null;
  const begin = ({ default: Hls }) => {
    if (isOver) return;
    if (Hls.isSupported()) {
      hls = new Hls({ enableWorker: false, startPosition: seconds, backBufferLength: KEPT_BEHIND_SECONDS });
      hls.on(Hls.Events.ERROR, (_event, { fatal, type }) => fatal && failed(type === Hls.ErrorTypes.NETWORK_ERROR));
      hls.loadSource(address);
      hls.attachMedia(element);
    } else {
      element.addEventListener('error', onBroken, { once: true });
      element.src = address;
    }
  };
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
