// What can be done with a worker: drain, resume, remove; and the command that adds one.
import { useId, useState } from '../vendor/preact/hooks.js';
import { me } from '../accounts/me.js';
import { drainWorker, removeWorker, resumeWorker } from '../api.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { attempt, Dialog } from '../parts.js';
import { notify } from '../store.js';
import * as fleet from './fleet.js';
import { reload } from './live.js';

/** What makes sense in the state that the worker is in. */
export function Actions({ worker }) {
  const id = worker.worker_id;
  const isRemovable = worker.status === 'offline' && worker.jobs_in_progress === 0;
  const canResume = worker.status === 'draining' || worker.quarantine_reason !== null;
  return html`
    ${worker.status !== 'offline' && worker.status !== 'draining' && html`
      <${Act} icon="pause" name="drain" id=${id} onClick=${() => openDialog('drain', id)} />`}
    ${canResume && html`<${Act} icon="play" name="resume" id=${id} onClick=${() => act('resumed', id, resumeWorker)} />`}
    ${isRemovable && html`<${Act} icon="trash" name="remove" id=${id} onClick=${() => act('removed', id, removeWorker)} />`}`;
}

const Act = ({ icon, name, id, onClick }) => html`
  <button type="button" class="button" aria-label=${t(`fleet.${name}_name`, { worker: id })} onClick=${onClick}>
    <${Icon} name=${icon} />${t(`fleet.${name}`)}</button>`;

const openDialog = (kind, worker) => {
  fleet.dialog.value = { kind, worker };
};
const close = () => {
  fleet.dialog.value = null;
};

export const openAdd = () => openDialog('add', null);

const act = (done, id, call) =>
  attempt(async () => {
    await call(id);
    notify('done', t(`fleet.${done}`, { worker: id }));
    reload();
  });

const GRACES = [null, 0, 60, 600, 3600];

export function DrainDialog({ worker }) {
  const [grace, setGrace] = useState(null);
  const onSubmit = async (event) => {
    event.preventDefault();
    close();
    await act('drained', worker, (id) => drainWorker(id, grace));
  };
  return html`
    <${Dialog} title=${t('fleet.drain_name', { worker })} onClose=${close}>
      <form onSubmit=${onSubmit}>
        <p>${t('fleet.drain_text')}</p>
        <label class="field"><span>${t('fleet.grace')}</span>
          <select class="select" data-first value=${String(grace)} onChange=${(event) => setGrace(JSON.parse(event.target.value))}>
            ${GRACES.map((seconds) => html`<option key=${seconds} value=${String(seconds)}>${t(`grace.${seconds}`)}</option>`)}
          </select></label>
        <div class="dialog-actions">
          <button type="button" class="button" onClick=${close}>${t('dialog.cancel')}</button>
          <button type="submit" class="button primary">${t('fleet.drain')}</button>
        </div>
      </form>
    <//>`;
}

const LOOPBACK = /^(localhost|.*\.localhost|127\.[\d.]+|\[::1\])$/;

/** `worker_c` when a and b are taken; past z `worker_27`. */
function freeName() {
  const taken = new Set(fleet.ids.value);
  for (const letter of 'abcdefghijklmnopqrstuvwxyz') if (!taken.has(`worker_${letter}`)) return `worker_${letter}`;
  let number = 27;
  while (taken.has(`worker_${number}`)) number += 1;
  return `worker_${number}`;
}

export function AddDialog() {
  const [name] = useState(freeName);
  const [copied, setCopied] = useState(false);
  const id = useId();
  const server = new URL('.', location.href).href.replace(/\/$/, '');
  const needsToken = me.value?.accounts === true;
  const command = `${needsToken ? 'BALANZA_FLEET_TOKEN=TOKEN ' : ''}balanza worker --server ${server} --id ${name}`;
  const onCopy = async () => setCopied(await copy(command, document.getElementById(id)));
  return html`
    <${Dialog} title=${t('fleet.add')} onClose=${close}>
      <p>${t('fleet.add_text')}</p>
      <pre class="command" id=${id} tabindex="0" aria-label=${t('fleet.command')}>${command}</pre>
      ${needsToken && html`<p class="facts">${t('fleet.add_token')}</p>`}
      ${LOOPBACK.test(location.hostname) && html`<p class="facts">${t('fleet.add_loopback')}</p>`}
      <p class="unseen" role="status">${copied && t('fleet.copied')}</p>
      <div class="dialog-actions">
        <button type="button" class="button primary" data-first onClick=${onCopy}>
          <${Icon} name=${copied ? 'completed' : 'copy'} />${t(copied ? 'fleet.copied' : 'fleet.copy')}</button>
      </div>
    <//>`;
}

/** True when it is on the clipboard; where a browser forbids that, the text is selected, to be copied by hand. */
async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}
