// What every page has around its own parts: the top bar, the word on the connection, the messages.
import { useEffect, useRef } from './vendor/preact/hooks.js';
import { isAdmin } from './accounts/me.js';
import { Account } from './accounts/menu.js';
import { html } from './html.js';
import { language, LANGUAGES, speak, t } from './i18n.js';
import { Icon } from './icons.js';
import { attempt, Details, IconButton } from './parts.js';
import * as store from './store.js';

const NOTICE_MS = 6000;
const UNDO_MS = 10_000;
const NAMES = { en: 'EN · English', es: 'ES · Español' };

/** `children` are the jumps within the page; `page` is its file, and its own link is marked. */
export const Top = ({ page, children }) => html`
  <header class="top">
    <h1 class="brand"><${Icon} name="balance" />Balanza</h1>
    ${children}
    <div class="top-end">
      <nav class="pages" aria-label=${t('top.pages')}>
        <${PageLink} href="player.html" page=${page}>${t('top.player')}<//>
        ${isAdmin.value && html`<${PageLink} href="dashboard.html" page=${page}>${t('top.dashboard')}<//>`}
        <${PageLink} href="docs" page=${page}>API<//>
      </nav>
      <${Languages} />
      <${Account} page=${page} />
    </div>
  </header>`;

export const Languages = () => html`
  <div class="languages" role="group" aria-label=${t('top.language')}>
    ${LANGUAGES.map((tag) => html`<${Language} key=${tag} tag=${tag} />`)}
  </div>`;

const PageLink = ({ href, page, children }) => html`
  <a class="page-link" href=${href} aria-current=${href === page ? 'page' : undefined}>${children}</a>`;

const Language = ({ tag }) => html`
  <button type="button" class="language" lang=${tag} aria-pressed=${tag === language.value ? 'true' : 'false'}
    aria-label=${NAMES[tag]} title=${NAMES[tag]} onClick=${() => attempt(() => speak(tag))}>${tag.toUpperCase()}</button>`;

export const Connection = () => html`
  <div class="connection" role="status">
    ${store.connection.value !== 'live' && html`<p>${t(`connection.${store.connection.value}`)}</p>`}
  </div>`;

export const Notices = () => html`
  <div class="notices" role="log" aria-label=${t('notice.title')}>
    ${store.notices.value.map((notice) => html`<${Notice} key=${notice.id} notice=${notice} />`)}
  </div>`;

/** Good news goes by itself, an error stays until it has been read. One that is pointed at or has the focus waits. */
function Notice({ notice }) {
  const ref = useRef(null);
  const { id, action } = notice;
  useEffect(() => {
    if (action?.hasFocus) ref.current.querySelector('.notice-undo').focus();
    if (notice.kind === 'error') return undefined;
    const go = () => {
      if (!ref.current.matches(':hover, :focus-within')) store.dismiss(id);
    };
    const timer = setInterval(go, action ? UNDO_MS : NOTICE_MS);
    return () => clearInterval(timer);
  }, []);
  const onAct = () => {
    store.dismiss(id);
    action.run();
  };
  return html`
    <div class=${`notice ${notice.kind}`} ref=${ref}>
      <${Icon} name=${notice.kind === 'error' ? 'failed' : 'completed'} />
      <div><p>${notice.text}</p><${Details} problems=${notice.problems} /></div>
      ${action && html`<button type="button" class="button notice-undo" onClick=${onAct}>${action.label}</button>`}
      <${IconButton} icon="close" label=${t('notice.close')} onClick=${() => store.dismiss(id)} />
    </div>`;
}
