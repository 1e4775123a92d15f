// The end of one's account, with all that is in it: asked for with the password, in a dialog.
import { useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Dialog } from '../parts.js';
import { deleteMe } from './api.js';
import { Refusal, useSending } from './enter.js';
import { PasswordField } from './fields.js';
import { Panel } from './panel.js';

export function Goodbye({ user }) {
  const [isAsking, setAsking] = useState(false);
  return html`
    <${Panel} id="goodbye" title=${t('goodbye.title')}>
      <p>${t('goodbye.hint')}</p>
      <div class="actions"><button type="button" class="button" onClick=${() => setAsking(true)}>${t('goodbye.ask')}</button></div>
      ${isAsking && html`<${Sure} user=${user} onClose=${() => setAsking(false)} />`}
    <//>`;
}

function Sure({ user, onClose }) {
  const { isBusy, problem, send } = useSending();
  const onSubmit = async (event) => {
    event.preventDefault();
    const { current } = event.currentTarget.elements;
    if (await send(() => deleteMe(current?.value ?? ''))) location.replace('login.html');
    else current?.select();
  };
  const words = { 'wrong-login': t('goodbye.wrong'), conflict: t('users.last') };
  return html`
    <${Dialog} title=${t('goodbye.question', { name: user.name })} onClose=${onClose}>
      <form method="post" onSubmit=${onSubmit}>
        <p>${t('goodbye.text')}</p>
        <div role="alert">${problem && html`<${Refusal} problem=${problem} words=${words} />`}</div>
        ${user.has_password && html`
          <input class="unseen" type="text" name="username" autocomplete="username" readonly tabindex="-1" aria-hidden="true" value=${user.name} />
          <${PasswordField} label=${t('login.password')} name="current" kind="current" isFirst />`}
        <div class="dialog-actions">
          <button type="button" class="button" data-first=${user.has_password ? undefined : true} onClick=${onClose}>${t('dialog.cancel')}</button>
          <button type="submit" class="button danger" disabled=${isBusy}>${t('goodbye.yes')}</button>
        </div>
      </form>
    <//>`;
}
