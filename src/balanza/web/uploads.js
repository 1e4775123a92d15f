// The uploads under way, and those of earlier that wait for the same file.
import { bytes, left, percent } from './format.js';
import { html } from './html.js';
import { t } from './i18n.js';
import { IconButton, ProblemText, Progress } from './parts.js';
import { askHowFar, giveUp, isGoing } from './unfinished.js';
import { cancelUpload, interrupted, isUploading, retryUpload, total, uploads } from './upload.js';

askHowFar().catch(() => {}); // then it is shown as far as this browser knows

export const Uploads = () => (uploads.value.length > 0 || interrupted.value.length > 0) && html`
  <section class="panel uploads" aria-labelledby="uploads-title">
    <header class="panel-head">
      <h2 id="uploads-title">${t('upload.title')}</h2>
      ${total.value.files > 1 && isUploading() && html`<${Total} />`}
    </header>
    <ul class="cards">
      ${uploads.value.map((upload) => html`<${Upload} key=${upload.id} upload=${upload} />`)}
      ${interrupted.value.map((one) =>
        html`<${isGoing(one) ? Elsewhere : Unfinished} key=${one.fingerprint} upload=${one} />`)}
    </ul>
  </section>`;

const share = (sent, size) => (size === 0 ? 0 : (100 * sent) / size);

const facts = (texts) => html`
  <p class="facts">${texts.map((text, index) => html`<span key=${index}>${text}</span>`)}</p>`;

function pace({ sent, size, bytesPerSecond }) {
  if (!bytesPerSecond) return [];
  return [t('upload.speed', { size: bytes(bytesPerSecond) }), left((size - sent) / bytesPerSecond)];
}

function Total() {
  const { files, done, sent, size } = total.value;
  const soFar = share(sent, size);
  return html`
    <div class="uploads-total">
      <${Progress} value=${soFar} label=${t('upload.total')} />
      ${facts([t('upload.files', { done, files }), percent(soFar), ...pace(total.value)])}
    </div>`;
}

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

/** An upload of earlier: it goes on as soon as the same file is there again. */
const Unfinished = ({ upload }) => html`
  <li class="card upload">
    <p class="name" title=${upload.name}>${upload.name}</p>
    <div class="upload-actions">
      <${IconButton} icon="close" label=${t('upload.dismiss_name', { name: upload.name })}
        onClick=${() => giveUp(upload).catch(() => {})} />
    </div>
    <div class="middle">
      ${facts([
        t('upload.stopped', { percent: percent(share(upload.sent, upload.size)) }),
        t('upload.of', { sent: bytes(upload.sent), size: bytes(upload.size) }),
      ])}
      <p>${t('upload.drop_again')}</p>
    </div>
  </li>`;

/** An upload that another tab is sending. */
const Elsewhere = ({ upload }) => html`
  <li class="card upload">
    <p class="name" title=${upload.name}>${upload.name}</p>
    <div class="middle">${facts([t('upload.elsewhere'), bytes(upload.size)])}</div>
  </li>`;

/** Whether the same file may be taken when sent again: what the server calls the sender's fault never is. */
const mayPass = (problem) => problem.status < 400 || problem.status >= 500;

function UnderWay({ upload }) {
  const soFar = share(upload.sent, upload.size);
  return html`
    <div class="middle">
      <${Progress} value=${upload.state === 'checking' ? null : soFar} label=${t('upload.progress', { name: upload.name })} />
      ${facts(uploadFacts(upload, soFar))}
    </div>`;
}

function uploadFacts(upload, soFar) {
  const { state, size, sent, resumedAt } = upload;
  if (state === 'waiting' || state === 'checking') return [t(`upload.${state}`), bytes(size)];
  const how = [percent(soFar), t('upload.of', { sent: bytes(sent), size: bytes(size) })];
  if (state === 'interrupted') return [...how, t('upload.interrupted')];
  const whence = resumedAt ? [t('upload.resumed', { percent: percent(share(resumedAt, size)) })] : [];
  return [...how, ...pace(upload), ...whence];
}
