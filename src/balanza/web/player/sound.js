// What plays among the songs: follows `store.playing`, goes on at the end of one, passes over those that cannot be played.
import { batch, computed, effect, signal, untracked } from '../vendor/signals/signals.js';
import { t } from '../i18n.js';
import { moreMedia } from '../live.js';
import * as store from '../store.js';
import { makeDeck } from './deck.js';
import { NOTHING, playPreview } from './hls.js';
import { drawFrom, isSong, neighbour, songs } from './playlist.js';
import { isShuffled, repeat } from './settings.js';
import { hold } from './session.js';
import { turn } from './steer.js';
import { reasonOf } from './unplayable.js';

const RESTART_SECONDS = 3; // from here on "previous" begins the song anew, as players do

/** Why the song does not play: `no_preview`, `deleted` or `unreachable`; null while it does. */
export const failure = signal(null);
/** How far the preview is that plays in the place of the song; null while it plays itself. */
export const preview = signal(null);

/** The ids of what could not be played, until somebody chooses it again. */
const broken = new Set();
/** The song that the playlist itself went to last, and in which direction. */
let step = { song: null, direction: 1 };
let letSessionGo = () => {};
let endPreview = () => {};

/** There is nothing to hear yet. */
export const isWaiting = computed(() => preview.value !== null && preview.value.playlist === null);

const following = () => neighbour(store.playing.value.id, 1, { isRound: repeat.value === 'all', without: broken });

/** After this one; the same where it is repeated. */
function upcoming() {
  const song = repeat.value === 'one' ? undefined : following();
  return song ?? (repeat.value === 'off' ? undefined : store.playing.value);
}

export const deck = makeDeck({
  next: () => (preview.value === null ? upcoming() : undefined), // how long a growing preview will be it does not tell
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

/** Lets go of what played, and of why it did not. */
function letGo() {
  letSessionGo();
  letPreviewGo();
  failure.value = null;
}

function letPreviewGo() {
  endPreview();
  endPreview = () => {};
  preview.value = null;
}

function leave() {
  letGo();
  deck.close();
}

function start(song, seconds = 0) {
  letGo();
  deck.open(song, seconds);
  letSessionGo = hold(song.name, deck.element.value, { previous, next, play: turnSound });
}

function goOnWhereItBroke() {
  if (failure.value === 'unreachable') start(store.playing.value, deck.time.value);
}

function ended() {
  const song = upcoming();
  if (song !== store.playing.value) goTo(song, 1);
  else if (preview.value === null) start(song);
  else deck.play();
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
  if (isWaiting.value) return;
  if (failure.value === null) turn(deck.element.value);
  else start(store.playing.value, deck.time.value);
}

export function turnShuffle() {
  batch(() => {
    isShuffled.value = !isShuffled.value;
    drawFrom(store.playing.value.id);
  });
}

/** What this browser cannot play is heard as a preview. */
async function failed(song) {
  if (preview.value !== null) return; // what plays it mends that, or says so
  const reason = await reasonOf(song);
  if (song !== store.playing.value || preview.value !== null) return;
  if (reason !== 'unplayable') {
    giveUp(song, reason);
    return;
  }
  preview.value = NOTHING;
  const onKnown = (known) => {
    preview.value = known;
  };
  endPreview = playPreview(deck.element.value, song.id, { onKnown, onNone: () => failedAgain(song) });
}

async function failedAgain(song) {
  const reason = await reasonOf(song);
  if (song !== store.playing.value) return;
  letPreviewGo();
  giveUp(song, reason === 'unplayable' ? 'no_preview' : reason);
}

/** A song that somebody chose says why it does not play; one that the playlist came to is passed over, with a notice. */
function giveUp(song, reason) {
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
/** The list goes on beyond what the page shows of the library: more of it is asked for when its last song begins, after
    what has been drawn for it. */
effect(() => {
  const isLast = store.playing.value !== null && songs.value.at(-1)?.id === store.playing.value.id;
  if (isLast && store.mediaCursor.value !== null) untracked(() => moreMedia().catch(() => {})); // then the list ends here
});
