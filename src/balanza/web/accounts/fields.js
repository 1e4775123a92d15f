// The fields of the forms with names and passwords. Their attributes are those that password managers look for.
import { useId, useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { passwordHint, wrongPassword } from './rules.js';

export const NameField = ({ hint = null, onInput }) => {
  const id = useId();
  return html`
    <div class="field">
      <label for=${id}>${t('login.name')}</label>
      <input class="input" id=${id} name="username" type="text" required autocomplete="username" autocapitalize="none"
        spellcheck=${false} aria-describedby=${hint ? `${id}-hint` : undefined} onInput=${onInput} />
      ${hint && html`<p class="facts" id=${`${id}-hint`}>${hint}</p>`}
    </div>`;
};

/** `kind` is `current` or `new`; the button beside it shows what is typed. `isFirst` is where a dialog begins. */
export function PasswordField({ label, name, kind, hint = null, isGood = false, isFirst = false, onInput }) {
  const [isShown, setShown] = useState(false);
  const id = useId();
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      <div class="secret">
        <input class="input" id=${id} name=${name} type=${isShown ? 'text' : 'password'} required data-first=${isFirst || undefined}
          autocomplete=${`${kind}-password`} autocapitalize="none" autocorrect="off" spellcheck=${false}
          aria-describedby=${hint ? `${id}-hint` : undefined} onInput=${onInput} />
        <button type="button" class="button quiet square" aria-label=${t('login.show')} title=${t('login.show')}
          aria-pressed=${isShown ? 'true' : 'false'} onClick=${() => setShown(!isShown)}>
          <${Icon} name=${isShown ? 'hide' : 'show'} /></button>
      </div>
      ${hint && html`
        <p class=${isGood ? 'facts good' : 'facts'} id=${`${id}-hint`}>${isGood && html`<${Icon} name="completed" />`}${hint}</p>`}
    </div>`;
}

/** A password that is chosen now: the line below it says what is missing. `nameOf` answers whose it is to be. */
export function NewPasswordField({ label, name, nameOf }) {
  const [typed, setTyped] = useState('');
  const wrong = typed === '' ? passwordHint() : wrongPassword(typed, nameOf());
  return html`
    <${PasswordField} label=${label} name=${name} kind="new" hint=${wrong ?? t('rule.password_good')} isGood=${wrong === null}
      onInput=${(event) => setTyped(event.target.value)} />`;
}
