// Two audio elements that take turns: while one plays, the other has the next file loaded, and is started as the first one
// ends (join.js). A browser that wants a press for each element may refuse to start the other one while nobody looks: then
// it stands paused, and says so.
import { computed, signal } from '../vendor/signals/signals.js';
import { mediaAddress } from '../api.js';
import { makeJoin } from './join.js';
import { govern } from './settings.js';

const LOAD_AHEAD_SECONDS = 20;

/** `onEnd()` and `onError()` tell of the song that plays; `next()` answers the one to load before this one ends. */
export function makeDeck({ onEnd, onError, next }) {
  const join = makeJoin();
  const [isPaused, time, known, element] = [signal(true), signal(0), signal(0), signal(makeElement())];
  const ahead = { element: makeElement(), id: null };
  let id = null;

  function makeElement() {
    const made = new Audio();
    made.preload = 'auto';
    govern(made);
    const listeners = { play: follow, pause: stop, seeking: join.cancel, seeked: advance, ratechange: advance };
    const others = { timeupdate: advance, durationchange: follow, ended: onEnd, error: onError };
    for (const [type, listener] of Object.entries({ ...listeners, ...others })) {
      made.addEventListener(type, () => made === element.value && listener());
    }
    return made;
  }

  function follow() {
    const { paused, ended, currentTime, duration } = element.value;
    isPaused.value = paused && !(ended && join.isBegun());
    time.value = currentTime;
    known.value = duration;
  }

  function stop() {
    if (!element.value.ended) join.cancel();
    follow();
  }

  function advance() {
    follow();
    join.learn(element.value);
    const { currentTime, duration } = element.value;
    if (!(duration - currentTime < LOAD_AHEAD_SECONDS)) return;
    const song = next();
    loadAhead(song);
    if (song) join.plan(element.value, ahead.element);
    else join.cancel();
  }

  function loadAhead(song) {
    if (song === undefined || song.id === ahead.id) return;
    join.cancel();
    ahead.id = song.id;
    ahead.element.src = mediaAddress(song.id);
  }

  const play = () => element.value.play().catch(() => {}); // refused, replaced meanwhile or broken: shown by other means

  function open(song, seconds = 0) {
    const last = element.value;
    const isReady = song.id === ahead.id && ahead.element.error === null;
    if (isReady) element.value = ahead.element;
    else last.src = mediaAddress(song.id);
    if (isReady) join.finish();
    else join.cancel();
    id = song.id;
    if (seconds > 0) element.value.currentTime = seconds;
    play();
    follow();
    if (!isReady) return;
    release(last);
    Object.assign(ahead, { element: last, id: null });
  }

  function close() {
    join.cancel();
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
