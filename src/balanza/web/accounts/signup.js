// The form that makes an account: by invitation, or where everybody may.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { signUp } from './api.js';
import { Provider, Refusal, useSending } from './enter.js';
import { NameField, NewPasswordField } from './fields.js';
import { me } from './me.js';
import { wrongName, wrongPassword } from './rules.js';

/** `role` and `first` are those of the `invitation`; without one anybody may come. */
export function SignUp({ invitation, next, role, first, onDone, onLogIn, onStale }) {
  const [said, setSaid] = useState(null);
  const { isBusy, problem, setProblem, send } = useSending();
  const form = useRef(null);
  useEffect(() => form.current.elements.username.focus(), []);
  useEffect(() => {
    if (problem?.slug === 'not-found') onStale();
  }, [problem]);

  const onSubmit = async (event) => {
    event.preventDefault();
    const { username, password } = form.current.elements;
    const nameIsWrong = wrongName(username.value);
    const wrong = nameIsWrong ?? wrongPassword(password.value, username.value);
    setSaid(wrong);
    setProblem(null);
    if (wrong) (nameIsWrong ? username : password).focus();
    else if (await send(() => signUp(username.value, password.value, invitation))) onDone();
  };

  return html`
    <h1 tabindex="-1">${t(first ? 'signup.first' : 'signup.title')}</h1>
    <p>${welcomeOf({ invitation, role, first })}</p>
    <form class="gate-form" method="post" ref=${form} onSubmit=${onSubmit}>
      <div role="alert">${said && html`<p class="problem">${said}</p>`}
        ${problem && html`<${Refusal} problem=${problem} words=${wordsOf()} />`}</div>
      <${NameField} hint=${t('signup.name_hint')} />
      <${NewPasswordField} label=${t('login.password')} name="password" nameOf=${() => form.current.elements.username.value} />
      <button type="submit" class="button primary" disabled=${isBusy}>${t('signup.submit')}</button>
    </form>
    <${Provider} oidc=${me.value.oidc} invitation=${invitation} next=${next} />
    <p class="gate-other">${t('signup.has_account')} <button type="button" class="link" onClick=${onLogIn}>${t('login.title')}</button></p>`;
}

function welcomeOf({ invitation, role, first }) {
  if (first) return t('signup.first_hint');
  if (!invitation) return t('signup.open_hint');
  return t(role === 'admin' ? 'signup.admin_hint' : 'signup.user_hint');
}

const wordsOf = () => ({ conflict: t('signup.taken'), refused: t('signup.refused') });
