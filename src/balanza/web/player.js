// The player: a bar at the bottom for songs, a stage for films and pictures. Both seek through HTTP ranges.
import { html } from './html.js';
import { SoundBar } from './player/bar.js';
import { isSong } from './player/playlist.js';
import { Screen } from './player/screen.js';
import * as store from './store.js';

export function Player() {
  const item = store.playing.value;
  if (item === null) return null;
  if (isSong(item)) return html`<${SoundBar} item=${named(item)} onClose=${close} />`;
  return html`<${Screen} key=${item.id} item=${named(item)} onClose=${close} />`;
}

/** With the name that it has by now. */
const named = (item) => ({ ...item, name: store.mediaById.value.get(item.id)?.name ?? item.name });

const close = () => {
  store.playing.value = null;
};
