// Where files come in: dropped anywhere on the page, or chosen; and the uploads under way.
import { useRef } from './vendor/preact/hooks.js';
import { signal } from './vendor/signals/signals.js';
import { bytes, left, percent } from './format.js';
import { html } from './html.js';
import { t } from './i18n.js';
import { Icon } from './icons.js';
import { IconButton, ProblemText, Progress } from './parts.js';
import { cancelUpload, enqueue, filesOf, retryUpload, uploads } from './upload.js';

const isOver = signal(false);

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');

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
    enqueue(await filesOf(event.dataTransfer));
  });
}

export function DropZone() {
  const input = useRef(null);
  const onChange = () => {
    enqueue(input.current.files);
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

export const Uploads = () => uploads.value.length > 0 && html`
  <section class="panel" aria-labelledby="uploads-title">
    <header class="panel-head"><h2 id="uploads-title">${t('upload.title')}</h2></header>
    <ul class="cards">${uploads.value.map((upload) => html`<${Upload} key=${upload.id} upload=${upload} />`)}</ul>
  </section>`;

function Upload({ upload }) {
  const { id, name, state, problem } = upload;
  return html`
    <li class="card upload">
      <p class="name" title=${name}>${name}</p>
      <div class="upload-actions">
        ${state === 'failed' && mayPass(problem) && html`
          <${IconButton} icon="retry" label=${t('upload.retry_name', { name })} onClick=${() => retryUpload(id)} />`}
        <${IconButton} icon="close" label=${t(state === 'failed' ? 'upload.dismiss_name' : 'upload.cancel_name', { name })}
          onClick=${() => cancelUpload(id)} />
      </div>
      ${state === 'failed' ? html`<${ProblemText} problem=${problem} />` : html`<${UnderWay} upload=${upload} />`}
    </li>`;
}

/** Whether the same file may be taken when sent again: what the server calls the sender's fault never is. */
const mayPass = (problem) => problem.status < 400 || problem.status >= 500;

function UnderWay({ upload }) {
  const done = upload.size === 0 ? 0 : (100 * upload.sent) / upload.size;
  return html`
    <div class="middle">
      <${Progress} value=${upload.state === 'checking' ? null : done} label=${t('upload.progress', { name: upload.name })} />
      <p class="facts">${uploadFacts(upload, done).map((fact, index) => html`<span key=${index}>${fact}</span>`)}</p>
    </div>`;
}

function uploadFacts({ state, size, sent, bytesPerSecond }, done) {
  if (state !== 'sending') return [t(`upload.${state}`), bytes(size)];
  const speed = bytesPerSecond ? [t('upload.speed', { size: bytes(bytesPerSecond) }), left((size - sent) / bytesPerSecond)] : [];
  return [percent(done), t('upload.of', { sent: bytes(sent), size: bytes(size) }), ...speed];
}
