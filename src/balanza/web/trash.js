// The trash: files go there at a press, come back at another, and are deleted for ever only after a question.
import { deleteForever, restoreMedia, trashMedia } from './api.js';
import { derivedLeft, derivedRestored } from './derived.js';
import { bytes, timeOfDay } from './format.js';
import { html } from './html.js';
import { t, tn } from './i18n.js';
import { Icon } from './icons.js';
import { mediaChanged } from './live.js';
import { Dialog, IconButton, titleOf } from './parts.js';
import * as store from './store.js';

/** Puts them into the trash and offers to take them back. `toUndo`: the focus goes there, for those who press keys. */
export async function trash(items, { toUndo = false } = {}) {
  for (const { id } of items) derivedLeft(id);
  const done = await each(items, trashMedia);
  for (const item of items) if (!done.includes(item)) derivedRestored(item.id);
  if (done.length === 0) return;
  if (done.some((item) => item.id === store.playing.value?.id)) store.playing.value = null;
  store.deselect(done.map((item) => item.id));
  const text = tn('trash.done', done.length, { name: done[0].name });
  store.notify('done', text, [], { label: t('trash.undo'), hasFocus: toUndo, run: () => restore(done) });
  if (!toUndo) focusLibrary(); // the button that had the focus goes with its row
}

async function restore(items) {
  const done = await each(items, restoreMedia);
  if (done.length > 0) store.notify('done', tn('trash.restored', done.length, { name: done[0].name }));
  focusLibrary();
}

/** Calls for one after the other. Answers those it succeeded for; the others are told together. */
async function each(items, call) {
  const done = [];
  const problems = [];
  for (const item of items) {
    try {
      await call(item.id);
      done.push(item);
    } catch (problem) {
      if (problem.slug === undefined) throw problem;
      problems.push(problem);
    }
  }
  if (problems.length > 0) store.notify('error', titleOf(problems[0]), problems);
  mediaChanged();
  return done;
}

const focusLibrary = () => document.getElementById('library-title').focus();

const openTrash = () => {
  store.dialog.value = { kind: 'trash', media: [] };
};
const close = () => {
  store.dialog.value = null;
};

export function TrashDialog() {
  const items = store.trash.value;
  return html`
    <${Dialog} title=${t('trash.title')} onClose=${close} otherwise="library-title">
      <p class="facts" tabindex="-1" data-first>${t(items.length > 0 ? 'trash.hint' : 'trash.empty')}</p>
      <ul class="trash">${items.map((item) => html`<${Row} key=${item.id} item=${item} />`)}</ul>
      ${store.trashCursor.value !== null && html`<p class="facts">${t('trash.more')}</p>`}
      ${items.length > 1 && html`
        <div class="dialog-actions">
          <button type="button" class="button" onClick=${() => ask(items)}><${Icon} name="trash" />${t('trash.clear')}</button>
        </div>`}
    <//>`;
}

function Row({ item }) {
  const name = item.name;
  const onRestore = async (event) => {
    event.currentTarget.closest('dialog').querySelector('[data-first]').focus(); // the button goes with its row
    const done = await each([item], restoreMedia);
    if (done.length > 0) store.announcement.value = tn('trash.restored', 1, { name });
  };
  return html`
    <li class="trash-row">
      <div class="row-text"><p class="name" title=${name}>${name}</p>
        <p class="facts"><span>${bytes(item.size_bytes)}</span><span>${t('trash.since', { time: timeOfDay(item.trashed_at, false) })}</span></p></div>
      <button type="button" class="button" aria-label=${t('trash.restore_name', { name })} onClick=${onRestore}>${t('trash.restore')}</button>
      <${IconButton} icon="trash" label=${t('trash.forever_name', { name })} onClick=${() => ask([item])} />
    </li>`;
}

const ask = (items) => {
  store.dialog.value = { kind: 'forever', media: items };
};

/** Asks, and goes back to the trash whatever the answer. */
export function ForeverDialog({ media: items }) {
  const [{ name }] = items;
  const onDelete = async () => {
    openTrash();
    const done = await each(items, deleteForever);
    if (done.length > 0) store.announcement.value = tn('forever.done', done.length, { name });
  };
  return html`
    <${Dialog} title=${tn('forever.title', items.length)} onClose=${openTrash}>
      <p class="breakable">${tn('forever.text', items.length, { name })}</p>
      <div class="dialog-actions">
        <button type="button" class="button" data-first onClick=${openTrash}>${t('forever.keep')}</button>
        <button type="button" class="button danger" onClick=${onDelete}>${t('forever.confirm')}</button>
      </div>
    <//>`;
}
