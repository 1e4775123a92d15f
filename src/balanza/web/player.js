// The player: a bar at the bottom with the browser's own controls. It seeks through HTTP ranges.
import { useEffect, useRef, useState } from './vendor/preact/hooks.js';
import { mediaAddress, mediaStatus } from './api.js';
import { html } from './html.js';
import { t } from './i18n.js';
import { openConvert } from './library.js';
import { IconButton } from './parts.js';
import * as store from './store.js';

export function Player() {
  const item = store.playing.value;
  if (item === null) return null;
  return html`
    <section class=${`player ${shapeOf(item)}`} aria-label=${t('player.title')}>
      <p class="name" title=${item.name}>${item.name}</p>
      <${Stage} key=${item.id} item=${item} />
      <${IconButton} icon="close" label=${t('player.close')} onClick=${stop} />
    </section>`;
}

const stop = () => {
  store.playing.value = null;
};

const shapeOf = (item) => (item.mime_type.startsWith('image/') ? 'picture' : item.kind);

function Stage({ item }) {
  const [failure, setFailure] = useState(null);
  const ref = useRef(null);
  useEffect(() => () => letGo(ref.current), []);
  if (failure) return html`<${Unplayable} item=${item} failure=${failure} />`;
  const onError = async () => setFailure(failureOf(await mediaStatus(item.id)));
  const src = mediaAddress(item.id);
  const shape = shapeOf(item);
  if (shape === 'picture') return html`<img src=${src} alt=${item.name} onError=${onError} />`;
  const label = t('player.of', { name: item.name });
  if (shape === 'audio') return html`<audio ref=${ref} src=${src} controls autoplay aria-label=${label} onError=${onError} />`;
  return html`<video ref=${ref} src=${src} controls autoplay playsinline aria-label=${label} onError=${onError} />`;
}

/** Ends the download that a removed element would go on with. */
function letGo(element) {
  if (!element?.pause) return;
  element.pause();
  element.removeAttribute('src');
  element.load();
}

const FAILURES = { 0: 'unreachable', 404: 'deleted', 410: 'deleted' };
const failureOf = (status) => FAILURES[status] ?? 'unplayable';

function Unplayable({ item, failure }) {
  const known = store.mediaById.value.get(item.id);
  return html`
    <div class="unplayable" role="alert"><p>${t(`player.${failure}`)}</p>
      ${failure === 'unplayable' && known && html`
        <button type="button" class="button" onClick=${() => openConvert([known])}>${t('action.convert')}</button>`}
    </div>`;
}
