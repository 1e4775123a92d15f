// The form that asks for name and password.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { span } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { ProblemText } from '../parts.js';
import { logIn, oidcAddress } from './api.js';
import { NameField, PasswordField } from './fields.js';
import { me } from './me.js';

export function LogIn({ told, next, onDone, onSignUp }) {
  const { signup, oidc } = me.value;
  const [said, setSaid] = useState(told ?? null);
  const { isBusy, problem, send } = useSending();
  const form = useRef(null);
  useEffect(() => form.current.elements.username.focus(), []);
  const onSubmit = async (event) => {
    event.preventDefault();
    const { username, password } = form.current.elements;
    setSaid(null);
    const isDone = await send(() => logIn(username.value, password.value));
    if (isDone) onDone();
    else password.select();
  };
  return html`
    <h1 tabindex="-1">${t('login.title')}</h1>
    <form class="gate-form" method="post" ref=${form} onSubmit=${onSubmit}>
      <div role="alert">${said && html`<p class="problem">${said}</p>`}${problem && html`<${Refusal} problem=${problem} />`}</div>
      <${NameField} />
      <${PasswordField} label=${t('login.password')} name="password" kind="current" />
      <button type="submit" class="button primary" disabled=${isBusy}>${t('login.submit')}</button>
    </form>
    <${Provider} oidc=${oidc} next=${next} />
    ${signup === 'open' && html`
      <p class="gate-other">${t('login.no_account')} <button type="button" class="link" onClick=${onSignUp}>${t('signup.submit')}</button></p>`}
    ${signup === 'invitation' && html`<p class="facts gate-other">${t('login.by_invitation')}</p>`}`;
}

/** The way through the identity provider, where there is one. */
export const Provider = ({ oidc, invitation, next }) =>
  oidc && html`
    <p class="or"><span>${t('login.or')}</span></p>
    <a class="button" href=${oidcAddress(invitation, next)}>${t('login.with', { provider: oidc.name })}</a>`;

/** One request at a time: whether it is under way, why the last one was refused, and what sends one. */
export function useSending() {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const send = async (action) => {
    setBusy(true);
    try {
      await action();
      setProblem(null);
      return true;
    } catch (failure) {
      if (failure.slug === undefined) throw failure;
      setProblem(failure);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, problem, setProblem, send };
}

/** Why a form was refused, in a sentence; what the server says besides only where the page has no `words` of its own. */
export function Refusal({ problem, words = {} }) {
  const { slug, retryAfterSeconds: wait } = problem;
  const known = { 'wrong-login': t('problem.wrong-login'), 'too-many-attempts': wait && t('login.wait', { time: span(wait) }), ...words };
  return known[slug] ? html`<p class="problem">${known[slug]}</p>` : html`<${ProblemText} problem=${problem} />`;
}
