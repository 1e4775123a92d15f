// The library: what was uploaded and what came out, and what can be done with it.
import { downloadAddress } from './api.js';
import { Face } from './face.js';
import { bytes, clock, codec } from './format.js';
import { html } from './html.js';
import { t, tn } from './i18n.js';
import { Icon } from './icons.js';
import { sayMissing } from './lazy.js';
import { More } from './library/more.js';
import { NothingFits, Tools } from './library/tools.js';
import { moreMedia } from './live.js';
import { attempt, IconButton, IconLink, useGrowing } from './parts.js';
import * as store from './store.js';
import { Zip } from './zip.js';

export function Library() {
  const items = store.media.value;
  const drawn = useGrowing(items);
  return html`
    <section class="panel" id="library" aria-labelledby="library-title" aria-busy=${store.loaded.value ? undefined : 'true'}>
      <header class=${`panel-head ${store.selected.value.size > 0 ? 'choosing' : ''}`}>
        <h2 id="library-title" tabindex="-1">${t('library.title')}</h2>
        ${(items.length > 0 || store.selected.value.size > 0) && html`<${Selection} items=${items} />`}
      </header>
      <${Tools} />
      ${store.loaded.value && items.length === 0 && (store.isNarrow(store.answered.value) ? html`<${NothingFits} />` : html`<${Empty} />`)}
      <ul class="rows">${drawn.map((item) => html`<${Row} key=${item.id} item=${item} />`)}</ul>
      ${store.mediaCursor.value !== null && html`
        <button type="button" class="button more" onClick=${() => attempt(moreMedia)}>${t('list.more')}</button>`}
      ${store.trash.value.length > 0 && html`<${Trash} />`}
    </section>`;
}

const Empty = () => html`
  <div class="empty"><${Icon} name="audio" />
    <p><strong>${t('library.empty')}</strong></p><p>${t('library.empty_hint')}</p></div>`;

function Selection({ items }) {
  const shown = new Set(items.map((item) => item.id));
  const seen = items.filter((item) => store.selected.value.has(item.id));
  const unseen = [...store.selected.value.values()].filter((item) => !shown.has(item.id));
  const chosen = [...seen, ...unseen];
  const all = items.length > 0 && seen.length === items.length;
  const selectAll = () => (all ? store.deselect(shown) : store.select(items));
  return html`
    <div class="selection">
      <label class="check"><input type="checkbox" checked=${all} disabled=${items.length === 0} onChange=${selectAll} />
        <span>${t('library.select_all')}</span></label>
      <span class="count" aria-hidden="true">${chosen.length || ''}</span>
      <button type="button" class="button quiet" disabled=${chosen.length === 0} onClick=${() => openConvert(chosen)}
        aria-label=${chosen.length ? tn('library.convert_selected', chosen.length) : t('library.convert_none')}>
        <${Icon} name="convert" />${t('action.convert')}</button>
      <${Zip} ids=${chosen.map((item) => item.id)} />
      <button type="button" class="button quiet" disabled=${chosen.length === 0} onClick=${() => openShare(chosen)}>
        <${Icon} name="share" />${t('library.share_selected')}</button>
      <button type="button" class="button quiet" disabled=${chosen.length === 0}
        onClick=${(event) => trash(chosen, { toUndo: isByKey(event) })}><${Icon} name="trash" />${t('library.delete_selected')}</button>
      ${unseen.length > 0 && html`<${Unseen} items=${unseen} />`}
    </div>`;
}

/** Chosen before the list was narrowed: what is done to the others is done to them too, so they are told. */
function Unseen({ items }) {
  const onClick = () => {
    store.deselect(items.map((item) => item.id));
    document.getElementById('library-title').focus(); // this button goes
  };
  return html`
    <p class="facts">${tn('library.unseen', items.length)}</p>
    <button type="button" class="button quiet" onClick=${onClick}>${t('library.deselect_unseen')}</button>`;
}

/** What deletes comes with the first thing to delete. */
async function trash(items, how) {
  const { trash: put } = await import('./trash.js').catch(() => ({ trash: sayMissing }));
  await put(items, how);
}

const openTrash = () => {
  store.dialog.value = { kind: 'trash', media: [] };
};

const Trash = () => html`
  <button type="button" class="button quiet open-trash" onClick=${openTrash}>
    <${Icon} name="trash" />${t('library.trash', { count: store.trash.value.length + (store.trashCursor.value === null ? '' : '+') })}</button>`;

/** A button pressed with a key: its click has no pointer. */
const isByKey = (event) => event.detail === 0;

const openShare = (items) => {
  store.dialog.value = { kind: 'share', media: items };
};

export const openConvert = (items) => {
  store.dialog.value = { kind: 'convert', media: items };
};

function Row({ item }) {
  const name = item.name;
  const isSelected = store.selected.value.has(item.id);
  const isPlaying = store.playing.value?.id === item.id;
  return html`
    <li class=${`row ${isPlaying ? 'playing' : ''}`}>
      <label class="check"><input type="checkbox" checked=${isSelected} aria-label=${t('library.select', { name })}
        onChange=${(event) => (event.currentTarget.checked ? store.select([item]) : store.deselect([item.id]))} /></label>
      <${Face} item=${item} isPlaying=${isPlaying} />
      <div class="row-text">
        <p class="name" title=${name}>${name}</p>
        <p class="facts">${facts(item).map((fact) => html`<span key=${fact}>${fact}</span>`)}</p>
      </div>
      <div class="row-actions">
        <${IconButton} icon="play" label=${t('action.play_name', { name })} onClick=${() => play(item)} />
        <${IconLink} icon="download" label=${t('action.download_name', { name })} href=${downloadAddress(item.id)} />
        <${More} item=${item} />
        <${IconButton} icon="trash" label=${t('action.delete_name', { name })} onClick=${(event) => trash([item], { toUndo: isByKey(event) })} />
        <button type="button" class="button" aria-label=${t('action.convert_name', { name })}
          onClick=${() => openConvert([item])}>${t('action.convert')}</button>
      </div>
    </li>`;
}

const facts = (item) => [
  t(`kind.${item.kind}`),
  item.duration_seconds === null ? null : clock(item.duration_seconds),
  bytes(item.size_bytes),
  item.codecs.map(codec).join(', '),
  item.job_id === null ? null : t('library.result'),
].filter(Boolean);

export const play = ({ id, name, kind, mime_type }) => {
  store.playing.value = { id, name, kind, mime_type };
};
