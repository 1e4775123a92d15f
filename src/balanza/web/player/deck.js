// Two audio elements that take turns: while one plays, the other has the next file loaded.
//
// The other one is started when `ended` of the first arrives. That leaves out finding and fetching the file, but the
// order still goes through the browser's audio output and the page: in Chromium, files of 3 s began 3.1 s after each
// other. So what is heard is a gap of about a tenth of a second, not none. Browsers join two files sample by sample
// only through Web Audio (which decodes whole files into memory) or Media Source Extensions (which know neither FLAC
// nor WAV everywhere). A browser that wants a press for each element may refuse to start the other one while nobody
// looks: then it stands paused, and says so.
import { computed, signal } from '../vendor/signals/signals.js';
import { mediaAddress } from '../api.js';
import { govern } from './settings.js';

const LOAD_AHEAD_SECONDS = 20;

/** `onEnd()` and `onError()` tell of the song that plays; `next()` answers the one to load before this one ends. */
export function makeDeck({ onEnd, onError, next }) {
  const [isPaused, time, known, element] = [signal(true), signal(0), signal(0), signal(makeElement())];
  const ahead = { element: makeElement(), id: null };
  let id = null;

  function makeElement() {
    const made = new Audio();
    made.preload = 'auto';
    govern(made);
    const listeners = { play: follow, pause: follow, seeked: follow, timeupdate: advance, durationchange: follow };
    for (const [type, listener] of Object.entries({ ...listeners, ended: onEnd, error: onError })) {
      made.addEventListener(type, () => made === element.value && listener());
    }
    return made;
  }

  function follow() {
    isPaused.value = element.value.paused;
    time.value = element.value.currentTime;
    known.value = element.value.duration;
  }

  function advance() {
    follow();
    const { currentTime, duration } = element.value;
    if (duration - currentTime < LOAD_AHEAD_SECONDS) loadAhead(next());
  }

  function loadAhead(song) {
    if (song === undefined || song.id === ahead.id) return;
    ahead.id = song.id;
    ahead.element.src = mediaAddress(song.id);
  }

  const play = () => element.value.play().catch(() => {}); // refused, replaced meanwhile or broken: shown by other means

  function open(song, seconds = 0) {
    const last = element.value;
    const isReady = song.id === ahead.id && ahead.element.error === null;
    if (isReady) element.value = ahead.element;
    else last.src = mediaAddress(song.id);
    id = song.id;
    if (seconds > 0) element.value.currentTime = seconds;
    play();
    follow();
    if (!isReady) return;
    release(last);
    Object.assign(ahead, { element: last, id: null });
  }

  function close() {
    for (const one of [element.value, ahead.element]) release(one);
    [id, ahead.id] = [null, null];
    follow();
  }

  const holds = (song) => song.id === id;
  const length = computed(() => (Number.isFinite(known.value) ? known.value : 0));
  return { isPaused, time, length, element, holds, play, open, close };
}

/** Ends the download that an element would go on with. */
export function release(element) {
  element.pause();
  element.removeAttribute('src');
  element.load();
}
