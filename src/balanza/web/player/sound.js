// What plays among the songs: follows `store.playing`, goes on at the end of one, passes over those that cannot be played.
import { batch, effect, signal, untracked } from '../vendor/signals/signals.js';
import { t } from '../i18n.js';
import * as store from '../store.js';
import { makeDeck } from './deck.js';
import { drawFrom, isSong, neighbour } from './playlist.js';
import { isShuffled, repeat } from './settings.js';
import { hold } from './session.js';
import { turn } from './steer.js';
import { reasonOf } from './unplayable.js';

const RESTART_SECONDS = 3; // from here on "previous" begins the song anew, as players do

/** Why the song does not play: `unplayable`, `deleted` or `unreachable`; null while it does. */
export const failure = signal(null);

/** The ids of what could not be played, until somebody chooses it again. */
const broken = new Set();
/** The song that the playlist itself went to last, and in which direction. */
let step = { song: null, direction: 1 };
let letSessionGo = () => {};

const following = () => neighbour(store.playing.value.id, 1, { isRound: repeat.value === 'all', without: broken });

export const deck = makeDeck({
  next: () => (repeat.value === 'one' ? undefined : following()),
  onEnd: ended,
  onError: () => failed(store.playing.value),
});

function take(song) {
  const isHeld = deck.holds(song) && failure.value === null;
  if (song !== step.song) {
    step = { song: null, direction: 1 };
    broken.delete(song.id);
    if (!isHeld) drawFrom(song.id);
  }
  if (isHeld) deck.play();
  else start(song);
}

function leave() {
  letSessionGo();
  failure.value = null;
  deck.close();
}

function start(song, seconds = 0) {
  letSessionGo();
  failure.value = null;
  deck.open(song, seconds);
  letSessionGo = hold(song.name, deck.element.value, { previous, next, play: turnSound });
}

function goOnWhereItBroke() {
  if (failure.value === 'unreachable') start(store.playing.value, deck.time.value);
}

function ended() {
  const song = repeat.value === 'one' ? undefined : following();
  if (song !== undefined) goTo(song, 1);
  else if (repeat.value !== 'off') deck.play();
}

function goTo(song, direction) {
  if (song === undefined) return;
  step = { song, direction };
  store.playing.value = song;
}

const away = (direction) => goTo(neighbour(store.playing.value.id, direction, { isRound: true, without: broken }), direction);

export const next = () => away(1);

export function previous() {
  if (deck.time.value > RESTART_SECONDS) deck.element.value.currentTime = 0;
  else away(-1);
}

/** Plays or pauses; after a failure tries again where it stopped. */
export function turnSound() {
  if (failure.value === null) turn(deck.element.value);
  else start(store.playing.value, deck.time.value);
}

export function turnShuffle() {
  batch(() => {
    isShuffled.value = !isShuffled.value;
    drawFrom(store.playing.value.id);
  });
}

/** A song that somebody chose says why it does not play; one that the playlist came to is passed over, with a notice. */
async function failed(song) {
  const reason = await reasonOf(song);
  if (song !== store.playing.value) return;
  const wasChosen = step.song !== song;
  if (reason !== 'unreachable') broken.add(song.id);
  const other = neighbour(song.id, step.direction, { isRound: repeat.value === 'all', without: broken });
  if (wasChosen || reason === 'unreachable' || other === undefined) {
    failure.value = reason;
    return;
  }
  store.notify('error', t(`player.skipped_${reason}`, { name: song.name }));
  goTo(other, step.direction);
}

// At the end: the first song may be chosen before this module is there.
effect(() => {
  const item = store.playing.value;
  untracked(() => (item !== null && isSong(item) ? take(item) : leave()));
});
effect(() => {
  if (store.connection.value === 'live') untracked(goOnWhereItBroke);
});
