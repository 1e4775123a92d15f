// The page that lets people in: by name and password, by an invitation, through the identity provider.
import { render } from '../vendor/preact/preact.js';
import { useEffect, useRef } from '../vendor/preact/hooks.js';
import { effect, signal } from '../vendor/signals/signals.js';
import { Problem } from '../api.js';
import { Languages } from '../frame.js';
import { html } from '../html.js';
import { language, learn, t } from '../i18n.js';
import { Icon } from '../icons.js';
import { titleOf } from '../parts.js';
import { logOut, lookAtInvitation } from './api.js';
import { leaveFor, pageAfter, takeArrival } from './arrival.js';
import { LogIn } from './enter.js';
import { ask, me } from './me.js';
import { SignUp } from './signup.js';

/** What there is to see: `{view, …}` with what that view needs; null before the first answer. */
const shown = signal(null);

let arrivals = 0;

async function arrive() {
  const view = await viewOf(takeArrival()).catch(unreachable);
  arrivals += 1;
  shown.value = view && { ...view, arrival: arrivals }; // a form is a new one each time
}

function unreachable(problem) {
  if (!(problem instanceof Problem)) throw problem;
  return { view: 'unreachable', problem };
}

async function viewOf({ invitation, next, problem }) {
  const { accounts, user, oidc } = await ask();
  if (!accounts) return { view: 'none' };
  if (user !== null && invitation) return { view: 'inside', user };
  if (user !== null) {
    leaveFor(next);
    return null;
  }
  const onDone = () => leaveFor(next);
  if (!invitation) return { view: 'login', next, onDone, told: problem && oidcProblem(problem, oidc) };
  try {
    return { view: 'signup', onDone, invitation, next, ...(await lookAtInvitation(invitation)) };
  } catch (failure) {
    if (failure.status !== 404) throw failure;
    return { view: 'stale' };
  }
}

const OIDC = ['refused', 'not-found', 'unavailable', 'login-denied', 'account-disabled']; // those with a sentence of their own

const oidcProblem = (slug, oidc) =>
  t(`oidc.${OIDC.includes(slug) ? slug : 'failed'}`, { provider: oidc?.name ?? 'OpenID Connect' });

const showLogIn = () => {
  history.replaceState(null, '');
  shown.value = { view: 'login', onDone: () => leaveFor() };
};
const showSignUp = () => {
  shown.value = { ...shown.value, view: 'signup', told: null };
};

const VIEWS = { login: LogIn, signup: SignUp, stale: Stale, inside: Inside, none: NoAccounts, unreachable: Unreachable };

function Page() {
  const now = shown.value;
  const before = useRef(null);
  useEffect(() => {
    // What had the focus is gone with the view before; a form takes it by itself.
    if (before.current !== null && !document.querySelector('.gate :focus')) document.querySelector('h1')?.focus();
    before.current = now?.view ?? null;
  }, [now?.view]);
  return html`
    <main class="gate" aria-busy=${now === null ? 'true' : 'false'}>
      <div class="gate-head"><p class="brand"><${Icon} name="balance" />Balanza</p><${Languages} /></div>
      ${now && html`
        <section class="gate-card"><${VIEWS[now.view]} key=${`${now.view} ${now.arrival}`} ...${now} onSignUp=${showSignUp} onLogIn=${showLogIn} onStale=${showStale} /></section>`}
    </main>`;
}

const showStale = () => {
  history.replaceState(null, '');
  shown.value = { view: 'stale' };
};

function Stale() {
  return html`
    <h1 tabindex="-1">${t('signup.stale')}</h1>
    <p>${t('signup.stale_hint')}</p>
    <button type="button" class="button" onClick=${showLogIn}>${t('login.title')}</button>`;
}

/** Who follows an invitation while another account is open in this browser. */
function Inside({ user }) {
  const onLeave = async () => {
    await logOut(false).catch(() => {}); // then the next answer says so
    await arrive();
  };
  return html`
    <h1 tabindex="-1">${t('signup.inside', { name: user.name })}</h1>
    <p>${t('signup.inside_hint')}</p>
    <div class="gate-actions">
      <button type="button" class="button primary" onClick=${() => leaveFor()}>${t('signup.stay', { name: user.name })}</button>
      <button type="button" class="button" onClick=${onLeave}>${t('top.sign_out')}</button>
    </div>`;
}

function NoAccounts() {
  return html`
    <h1 tabindex="-1">${t('login.none')}</h1>
    <p>${t('login.none_hint')}</p>
    <a class="button primary" href=${pageAfter()}>${t('login.to_library')}</a>`;
}

function Unreachable({ problem }) {
  return html`
    <h1 tabindex="-1">${titleOf(problem)}</h1>
    <button type="button" class="button" onClick=${arrive}><${Icon} name="retry" />${t('action.retry')}</button>`;
}

await learn('accounts');
effect(() => {
  document.documentElement.lang = language.value;
  document.title = t(shown.value?.view === 'signup' ? 'signup.page_title' : 'login.page_title');
});
window.addEventListener('hashchange', () => location.hash.length > 1 && arrive());
window.addEventListener('pageshow', ({ persisted }) => persisted && me.value !== null && arrive());
arrive();
render(html`<${Page} />`, document.getElementById('app'));
