// The page: puts the parts together and starts the live updates.
import { render } from './vendor/preact/preact.js';
import { effect } from './vendor/signals/signals.js';
import { enter } from './accounts/me.js';
import { isLeaving } from './api.js';
import { ConvertDialog, loadFormats } from './convert.js';
import { DropZone, Uploads, watchDrops } from './dropzone.js';
import { Connection, Notices, Top } from './frame.js';
import { html } from './html.js';
import { language, t } from './i18n.js';
import './i18n/decisions.js';
import './i18n/library.js';
import './i18n/player.js';
import './i18n/share.js';
import { Jobs } from './jobs.js';
import { Library } from './library.js';
import { startLive } from './live.js';
import { Player } from './player.js';
import { ShareDialog } from './share/dialog.js';
import * as store from './store.js';
import { ForeverDialog, TrashDialog } from './trash.js';
import { isUploading } from './upload.js';
import { WhyDialog } from './why.js';
import { isSaving } from './zip.js';

const DIALOGS = { convert: ConvertDialog, forever: ForeverDialog, share: ShareDialog, trash: TrashDialog, why: WhyDialog };

function App() {
  const dialog = store.dialog.value;
  return html`
    <${Top} page="player.html"><${Jumps} /><//>
    <${Connection} />
    <main class="columns">
      <div class="column"><${DropZone} /><${Uploads} /><${Library} /></div>
      <div class="column"><${Jobs} /></div>
    </main>
    <div class="bottom"><${Notices} /><${Player} /></div>
    <p class="unseen" role="status">${store.announcement.value}</p>
    ${dialog && html`<${DIALOGS[dialog.kind]} key=${dialog.kind} ...${dialog} />`}`;
}

const Jumps = () => html`
  <nav class="jumps" aria-label=${t('top.sections')}>
    <a href="#library">${t('library.title')}</a>
    <a href="#conversions">${t('jobs.title')}${store.liveJobs.value > 0 && html` <span class="count">${store.liveJobs.value}</span>`}</a>
  </nav>`;

effect(() => {
  document.documentElement.lang = language.value;
  document.title = t('page.title');
});
window.addEventListener('beforeunload', (event) => {
  if (isUploading() && !isLeaving() && !isSaving()) event.preventDefault();
});
await enter();
watchDrops();
startLive();
loadFormats().catch(() => {}); // the dialog that needs them asks again, and says what is wrong
render(html`<${App} />`, document.getElementById('app'));
