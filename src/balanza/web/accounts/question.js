// A question before what cannot be taken back.
import { useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Dialog } from '../parts.js';
import { Refusal, useSending } from './enter.js';

/** `act` is what is done when the answer is yes; the dialog closes once it is done, and says why when it is not. */
export function Question({ title, text, yes, act, onClose, otherwise }) {
  const { isBusy, problem, send } = useSending();
  const onYes = async () => {
    if (await send(act)) onClose();
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose} otherwise=${otherwise}>
      <p>${text}</p>
      <div role="alert">${problem && html`<${Refusal} problem=${problem} />`}</div>
      <div class="dialog-actions">
        <button type="button" class="button" data-first onClick=${onClose}>${t('dialog.cancel')}</button>
        <button type="button" class="button danger" disabled=${isBusy} onClick=${onYes}>${yes}</button>
      </div>
    <//>`;
}

/** The question that is open, as its parts; null when there is none. */
export function useQuestion() {
  const [open, ask] = useState(null);
  return [open && html`<${Question} key=${open.title} ...${open} onClose=${() => ask(null)} />`, ask];
}
