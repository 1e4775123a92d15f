// The player: a bar at the bottom for songs, a stage for films and pictures. Both seek through HTTP ranges.
import { html } from './html.js';
import { SoundBar } from './player/bar.js';
import { isSong } from './player/playlist.js';
import { Screen } from './player/screen.js';
import * as store from './store.js';

export function Player() {
  const item = store.playing.value;
  if (item === null) return null;
  if (isSong(item)) return html`<${SoundBar} item=${item} onClose=${close} />`;
  return html`<${Screen} key=${item.id} item=${item} onClose=${close} />`;
}

const close = () => {
  store.playing.value = null;
};
