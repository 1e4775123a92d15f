// The playlist: the audio files of the library in the order shown, or shuffled.
import { computed, signal } from '../vendor/signals/signals.js';
import * as store from '../store.js';
import { isShuffled } from './settings.js';

export const isSong = ({ kind, mime_type }) => kind === 'audio' && !mime_type.startsWith('image/');

/** Each song's place in the shuffled order, drawn when it is first seen: so the others keep theirs when files come and go.
    It is after the song that plays: so it comes still. */
const places = signal(new Map());

export const songs = computed(() => {
  const shown = store.media.value.filter(isSong);
  return isShuffled.value ? shown.sort((one, other) => placeOf(one) - placeOf(other)) : shown;
});

function placeOf({ id }) {
  const drawn = places.value;
  if (!drawn.has(id)) drawn.set(id, (drawn.get(store.playing.peek()?.id) ?? 0) + Math.random());
  return drawn.get(id);
}

/** Draws anew, with this song first: so all others come after it. */
export function drawFrom(id) {
  places.value = new Map([[id, -1]]);
}

/** The song `direction` (1 or -1) away from the one with this id, beyond those `without`; undefined when there is none.
    A song that the library does not show lies between its last and its first one. */
export function neighbour(id, direction, { isRound, without }) {
  const list = songs.value;
  const at = list.findIndex((song) => song.id === id);
  const from = at < 0 && direction < 0 ? list.length : at;
  for (let away = 1; away <= list.length; away += 1) {
    const to = from + direction * away;
    const song = isRound ? list.at(to % list.length) : list[to];
    if (song === undefined || song.id === id) return undefined;
    if (!without.has(song.id)) return song;
  }
  return undefined;
}
