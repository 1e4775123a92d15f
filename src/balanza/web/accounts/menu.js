// Who is there, at the end of the top bar: settings, the people for administrators, the way out.
import { useRef } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { attempt } from '../parts.js';
import { logOut } from './api.js';
import { isAdmin, me } from './me.js';

export function Account({ page }) {
  if (me.value === null || me.value.user === null) return null;
  return me.value.accounts ? html`<${Menu} page=${page} name=${me.value.user.name} />` : html`<${Settings} page=${page} />`;
}

/** Without accounts there is nothing else. */
const Settings = ({ page }) => html`
  <a class="button quiet square" href="settings.html" aria-label=${t('top.settings')} title=${t('top.settings')}
    aria-current=${page === 'settings.html' ? 'page' : undefined}><${Icon} name="settings" /></a>`;

function Menu({ page, name }) {
  const list = useRef(null);
  const button = useRef(null);
  // Wide pages have the bar's room left and right: the list belongs below its button.
  const onToggle = ({ newState }) => {
    if (newState !== 'open') return;
    const { bottom, right } = button.current.getBoundingClientRect();
    list.current.style.top = `${bottom + 4}px`;
    list.current.style.right = `${document.documentElement.clientWidth - right}px`;
  };
  return html`
    <button type="button" class="button quiet account" ref=${button} popovertarget="account-menu" title=${name}>
      <${Icon} name="person" /><span class="account-name"><span class="unseen">${t('top.account')} </span>${name}</span></button>
    <nav class="menu" id="account-menu" popover="auto" ref=${list} aria-label=${t('top.account')} onBeforeToggle=${onToggle}>
      <p class="menu-name">${name}</p>
      <${Link} href="settings.html" icon="settings" page=${page}>${t('top.settings')}<//>
      ${isAdmin.value && html`<${Link} href="users.html" icon="people" page=${page}>${t('top.users')}<//>`}
      <button type="button" class="menu-item" onClick=${signOut}><${Icon} name="leave" />${t('top.sign_out')}</button>
    </nav>`;
}

const Link = ({ href, icon, page, children }) => html`
  <a class="menu-item" href=${href} aria-current=${href === page ? 'page' : undefined}><${Icon} name=${icon} />${children}</a>`;

export const signOut = () =>
  attempt(async () => {
    await logOut(false);
    location.replace('login.html');
  });
