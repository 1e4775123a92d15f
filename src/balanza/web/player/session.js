// The system's media keys, lock screen and headphones (Media Session), where the browser has them.
import { seekBy, seekTo, STEP_SECONDS, turn } from './steer.js';

const session = navigator.mediaSession;
const EVENTS = ['play', 'pause', 'seeked', 'durationchange', 'ratechange'];

let holder = null;

/** Shows what plays and takes orders for it, until the function that it answers is called or something else plays. */
export function hold(name, element, { previous = null, next = null, play } = {}) {
  if (!session) return () => {};
  const tell = () => tellState(element);
  holder = tell;
  session.metadata = new MediaMetadata({ title: name });
  listen({
    play: play ?? (() => turn(element)),
    pause: () => element.pause(),
    previoustrack: previous,
    nexttrack: next,
    seekbackward: ({ seekOffset }) => seekBy(element, -(seekOffset ?? STEP_SECONDS)),
    seekforward: ({ seekOffset }) => seekBy(element, seekOffset ?? STEP_SECONDS),
    seekto: ({ seekTime }) => seekTo(element, seekTime),
  });
  for (const type of EVENTS) element.addEventListener(type, tell);
  tell();
  return () => {
    for (const type of EVENTS) element.removeEventListener(type, tell);
    if (holder !== tell) return; // a song may have begun before the film has left the page
    session.metadata = null;
    session.playbackState = 'none';
    session.setPositionState?.();
  };
}

function listen(handlers) {
  for (const [action, handler] of Object.entries(handlers)) {
    try {
      session.setActionHandler(action, handler);
    } catch {
      // this browser does not know that key
    }
  }
}

function tellState({ paused, duration, currentTime, playbackRate }) {
  session.playbackState = paused ? 'paused' : 'playing';
  const position = { duration, playbackRate, position: Math.min(currentTime, duration) };
  session.setPositionState?.(Number.isFinite(duration) ? position : undefined);
}
