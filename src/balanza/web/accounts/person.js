// What an administrator changes about somebody: the role, and how much of the server they may use.
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Dialog } from '../parts.js';
import { Refusal, useSending } from './enter.js';

const ROLES = ['user', 'admin'];
const GB = 1_000_000_000;

/** `onSave` is called with what was changed alone. */
export function PersonDialog({ person, onSave, onClose }) {
  const { isBusy, problem, send } = useSending();
  const { name, role, quota_bytes: bytes, quota_jobs: jobs } = person;
  const onSubmit = (event) => {
    event.preventDefault();
    const fields = event.currentTarget.elements;
    const wanted = {
      role: fields.role.value,
      quota_bytes: numberOf(fields.gigabytes, GB),
      quota_jobs: numberOf(fields.jobs, 1),
    };
    send(() => onSave(Object.fromEntries(Object.entries(wanted).filter(([key, value]) => value !== person[key]))));
  };
  return html`
    <${Dialog} title=${t('users.change_name', { name })} onClose=${onClose}>
      <form onSubmit=${onSubmit}>
        <label class="field"><span>${t('users.role')}</span>
          <select class="select" name="role" data-first>
            ${ROLES.map((one) => html`<option key=${one} value=${one} selected=${one === role}>${t(`role.${one}`)}</option>`)}
          </select></label>
        <label class="field"><span>${t('users.quota_bytes')}</span>
          <input class="input" name="gigabytes" type="number" min="0" max="9000000" step="any" placeholder=${t('users.default')}
            defaultValue=${bytes === null ? '' : bytes / GB} /></label>
        <label class="field"><span>${t('users.quota_jobs')}</span>
          <input class="input" name="jobs" type="number" min="0" max="1000000" step="1" placeholder=${t('users.default')} defaultValue=${jobs ?? ''} /></label>
        <p class="facts">${t('users.quota_hint')}</p>
        <div role="alert">${problem && html`<${Refusal} problem=${problem} words=${{ conflict: t('users.last') }} />`}</div>
        <div class="dialog-actions">
          <button type="button" class="button" onClick=${onClose}>${t('dialog.cancel')}</button>
          <button type="submit" class="button primary" disabled=${isBusy}>${t('users.save')}</button>
        </div>
      </form>
    <//>`;
}

/** Null for an empty field: as the server is set. */
const numberOf = (field, unit) => (field.value === '' ? null : Math.round(Number(field.value) * unit));
