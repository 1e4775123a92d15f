// How the person likes to listen: remembered by the browser from one visit to the next.
import { effect, signal } from '../vendor/signals/signals.js';

const REMEMBERED = 'balanza.player';

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
export const REPEATS = ['off', 'all', 'one'];

const known = remembered();
const number = (value, least, most, otherwise) => (value >= least && value <= most ? value : otherwise);

export const speed = signal(SPEEDS.includes(known.speed) ? known.speed : 1);
export const volume = signal(number(known.volume, 0, 1, 1));
export const isMuted = signal(false); // a page that is silent at the next visit would seem broken
export const isShuffled = signal(known.isShuffled === true);
export const repeat = signal(REPEATS.includes(known.repeat) ? known.repeat : 'off');

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {}; // storage is forbidden in some private windows, and what lies there may be anything
  }
}

effect(() => {
  const now = { speed: speed.value, volume: volume.value, isShuffled: isShuffled.value, repeat: repeat.value };
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(now));
  } catch {
    // then it holds until the page is left
  }
});

export const turnMute = () => {
  isMuted.value = !isMuted.value;
};

/** Keeps an element at the speed and volume of the settings; answers what ends that. */
export const govern = (element) =>
  effect(() => {
    element.defaultPlaybackRate = speed.value; // what loading another file goes back to
    element.playbackRate = speed.value;
    element.volume = volume.value;
    element.muted = isMuted.value;
  });
