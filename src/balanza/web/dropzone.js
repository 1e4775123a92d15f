// Where files come in: dropped anywhere on the page, or chosen. What sends them comes once the page is there.
import { useRef } from './vendor/preact/hooks.js';
import { signal } from './vendor/signals/signals.js';
import { chosen, filesOf } from './folders.js';
import { html } from './html.js';
import { t } from './i18n.js';
import { Icon } from './icons.js';
import { lazy, sayMissing } from './lazy.js';
import { loaded, notify } from './store.js';

const isOver = signal(false);
const isTaking = signal(false);

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');

const send = async (items) => {
  isTaking.value = true;
  const { enqueue } = await import('./upload.js').catch(() => ({ enqueue: sayMissing }));
  enqueue(items);
};

/** Takes files dropped anywhere: a near miss must not make the browser open the file and leave the page. */
export function watchDrops() {
  window.addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    isOver.value = true;
  });
  window.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) isOver.value = false;
  });
  window.addEventListener('drop', async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    isOver.value = false;
    const { items, unread } = await filesOf(event.dataTransfer);
    const names = unread.join(', ');
    if (unread.length > 0) notify('error', items.length > 0 ? t('drop.unread', { names }) : t('drop.all_unread', { names }));
    else if (items.length === 0) notify('error', t('drop.nothing'));
    if (items.length > 0) send(items);
  });
}

export function DropZone() {
  const input = useRef(null);
  const onChange = () => {
    send(chosen(input.current.files));
    input.current.value = ''; // so that the same file can be chosen again
  };
  return html`
    <div class=${`drop ${isOver.value ? 'over' : ''}`}>
      <${Icon} name="upload" />
      <p>${t(isOver.value ? 'drop.now' : 'drop.here')}</p>
      <button type="button" class="button primary" onClick=${() => input.current.click()}>${t('drop.choose')}</button>
      <input ref=${input} type="file" multiple hidden aria-label=${t('drop.choose')} onChange=${onChange} />
    </div>`;
}

const List = lazy(() => [import('./uploads.js')], 'Uploads');

/** With the first file, and for those of earlier once the library is there. */
export const Uploads = () => (loaded.value || isTaking.value) && html`<${List} />`;
