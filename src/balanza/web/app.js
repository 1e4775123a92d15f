// The page: puts the parts together and starts the live updates.
import { render } from './vendor/preact/preact.js';
import { useEffect } from './vendor/preact/hooks.js';
import { effect } from './vendor/signals/signals.js';
import { ConvertDialog, loadFormats } from './convert.js';
import { DropZone, Uploads, watchDrops } from './dropzone.js';
import { html } from './html.js';
import { language, LANGUAGES, speak, t } from './i18n.js';
import { Icon } from './icons.js';
import { Jobs } from './jobs.js';
import { DeleteDialog, Library } from './library.js';
import { startLive } from './live.js';
import { IconButton } from './parts.js';
import { Player } from './player.js';
import { ShareDialog } from './share/dialog.js';
import * as store from './store.js';
import { isUploading } from './upload.js';

const DIALOGS = { convert: ConvertDialog, delete: DeleteDialog, share: ShareDialog };
const NOTICE_MS = 6000;

function App() {
  const dialog = store.dialog.value;
  return html`
    <${Top} />
    <${Connection} />
    <main class="columns">
      <div class="column"><${DropZone} /><${Uploads} /><${Library} /></div>
      <div class="column"><${Jobs} /></div>
    </main>
    <div class="bottom"><${Notices} /><${Player} /></div>
    <p class="unseen" role="status">${store.announcement.value}</p>
    ${dialog && html`<${DIALOGS[dialog.kind]} media=${dialog.media} />`}`;
}

const Top = () => html`
  <header class="top">
    <h1 class="brand"><${Icon} name="balance" />Balanza</h1>
    <nav class="jumps" aria-label=${t('top.sections')}>
      <a href="#library">${t('library.title')}</a>
      <a href="#conversions">${t('jobs.title')}${store.liveJobs.value > 0 && html` <span class="count">${store.liveJobs.value}</span>`}</a>
    </nav>
    <div class="top-end">
      <a class="button quiet" href="docs">API</a>
      <div class="languages" role="group" aria-label=${t('top.language')}>
        ${LANGUAGES.map((tag) => html`<${Language} key=${tag} tag=${tag} />`)}
      </div>
    </div>
  </header>`;

const Language = ({ tag }) => html`
  <button type="button" class="language" lang=${tag} aria-pressed=${tag === language.value ? 'true' : 'false'}
    aria-label=${NAMES[tag]} title=${NAMES[tag]} onClick=${() => speak(tag)}>${tag.toUpperCase()}</button>`;

const NAMES = { en: 'EN · English', es: 'ES · Español' };

const Connection = () => html`
  <div class="connection" role="status">
    ${store.connection.value !== 'live' && html`<p>${t(`connection.${store.connection.value}`)}</p>`}
  </div>`;

const Notices = () => html`
  <div class="notices" role="log" aria-label=${t('notice.title')}>
    ${store.notices.value.map((notice) => html`<${Notice} key=${notice.id} notice=${notice} />`)}
  </div>`;

/** Good news goes by itself, an error stays until it has been read. */
function Notice({ notice }) {
  useEffect(() => {
    if (notice.kind === 'error') return undefined;
    const timer = setTimeout(() => store.dismiss(notice.id), NOTICE_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`
    <div class=${`notice ${notice.kind}`}>
      <${Icon} name=${notice.kind === 'error' ? 'failed' : 'completed'} />
      <div><p>${notice.text}</p>${notice.detail && html`<p class="facts" lang="en">${notice.detail}</p>`}</div>
      <${IconButton} icon="close" label=${t('notice.close')} onClick=${() => store.dismiss(notice.id)} />
    </div>`;
}

effect(() => {
  document.documentElement.lang = language.value;
  document.title = t('page.title');
});
window.addEventListener('beforeunload', (event) => {
  if (isUploading()) event.preventDefault();
});
watchDrops();
startLive();
loadFormats().catch(() => {}); // the dialog that needs them asks again, and says what is wrong
render(html`<${App} />`, document.getElementById('app'));
