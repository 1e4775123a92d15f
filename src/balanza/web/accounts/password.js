// Another password. Whoever is logged in elsewhere is out then.
import { useRef, useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { notify } from '../store.js';
import { changePassword } from './api.js';
import { Refusal, useSending } from './enter.js';
import { NewPasswordField, PasswordField } from './fields.js';
import { Panel } from './panel.js';
import { wrongPassword } from './rules.js';

export function Password({ user }) {
  return html`
    <${Panel} id="password" title=${t('login.password')}>
      ${user.has_password ? html`<${Change} user=${user} />` : html`<p>${t('password.none')}</p>`}
    <//>`;
}

function Change({ user }) {
  const [said, setSaid] = useState(null);
  const [round, setRound] = useState(0); // the fields are new after each change
  const { isBusy, problem, setProblem, send } = useSending();
  const form = useRef(null);
  const onSubmit = async (event) => {
    event.preventDefault();
    const { current, fresh } = form.current.elements;
    const wrong = wrongPassword(fresh.value, user.name);
    setSaid(wrong);
    setProblem(null);
    if (wrong) {
      fresh.focus();
    } else if (await send(() => changePassword(current.value, fresh.value))) {
      notify('done', t('password.done'));
      setRound(round + 1);
    } else {
      current.select();
    }
  };
  return html`
    <form key=${round} class="form" method="post" ref=${form} onSubmit=${onSubmit}>
      <p>${t('password.hint')}</p>
      <input class="unseen" type="text" name="username" autocomplete="username" readonly tabindex="-1" aria-hidden="true" value=${user.name} />
      <div role="alert">${said && html`<p class="problem">${said}</p>`}
        ${problem && html`<${Refusal} problem=${problem} words=${{ 'wrong-login': t('password.wrong') }} />`}</div>
      <${PasswordField} label=${t('password.current')} name="current" kind="current" />
      <${NewPasswordField} label=${t('password.new')} name="fresh" nameOf=${() => user.name} />
      <button type="submit" class="button primary" disabled=${isBusy}>${t('password.change')}</button>
    </form>`;
}
