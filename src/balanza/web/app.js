// The page: puts the parts together and starts the live updates.
import { render } from './vendor/preact/preact.js';
import { effect } from './vendor/signals/signals.js';
import { enter } from './accounts/me.js';
import { DropZone, Uploads, watchDrops } from './dropzone.js';
import { Connection, Notices, Top } from './frame.js';
import { html } from './html.js';
import { language, learn, t } from './i18n.js';
import { Jobs } from './jobs.js';
import { lazy } from './lazy.js';
import { Library } from './library.js';
import { startLive } from './live.js';
import * as store from './store.js';

const DIALOGS = {
  convert: lazy(() => [import('./convert.js'), learn('convert')], 'ConvertDialog'),
  forever: lazy(() => [import('./trash.js')], 'ForeverDialog'),
  rename: lazy(() => [import('./library/rename.js')], 'RenameDialog'),
  share: lazy(() => [import('./share/dialog.js'), learn('share')], 'ShareDialog'),
  trash: lazy(() => [import('./trash.js')], 'TrashDialog'),
  why: lazy(() => [import('./why.js'), learn('decisions')], 'WhyDialog'),
};
const Player = lazy(() => [import('./player.js'), learn('player')], 'Player');

/** The parts that are likely to be wanted soon: somebody points at the lists, or has come to them by keyboard. */
const warmAll = () => [Player, ...Object.values(DIALOGS)].forEach((part) => part.warm());

function App() {
  const dialog = store.dialog.value;
  return html`
    <${Top} page="player.html"><${Jumps} /><//>
    <${Connection} />
    <main class="columns" onPointerOver=${warmAll} onFocusIn=${warmAll}>
      <div class="column"><${DropZone} /><${Library} /></div>
      <div class="column"><${Jobs} /></div>
    </main>
    <div class="bottom"><${Notices} /><${Uploads} />${store.playing.value !== null && html`<${Player} onMissing=${stopPlaying} />`}</div>
    <p class="unseen" role="status">${store.announcement.value}</p>
    ${dialog && html`<${DIALOGS[dialog.kind]} key=${dialog.kind} ...${dialog} onMissing=${closeDialog} />`}`;
}

const stopPlaying = () => {
  store.playing.value = null;
};
const closeDialog = () => {
  store.dialog.value = null;
};

const Jumps = () => html`
  <nav class="jumps" aria-label=${t('top.sections')}>
    <a href="#library">${t('library.title')}</a>
    <a href="#conversions">${t('jobs.title')}${store.liveJobs.value > 0 && html` <span class="count">${store.liveJobs.value}</span>`}</a>
  </nav>`;

await learn('library');
effect(() => {
  document.documentElement.lang = language.value;
  document.title = t('page.title');
});
await enter();
watchDrops();
startLive();
render(html`<${App} />`, document.getElementById('app'));
