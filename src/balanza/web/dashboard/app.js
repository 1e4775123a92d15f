// The fleet: puts the parts of the dashboard together and starts the live updates.
import { render } from '../vendor/preact/preact.js';
import { effect } from '../vendor/signals/signals.js';
import { enter, isNoAdmin } from '../accounts/me.js';
import { Sorry } from '../accounts/sorry.js';
import { Connection, Notices, Top } from '../frame.js';
import { html } from '../html.js';
import { language, learn, t } from '../i18n.js';
import { lazy } from '../lazy.js';
import * as store from '../store.js';
import { AddDialog, DrainDialog } from './actions.js';
import * as fleet from './fleet.js';
import { startLive } from './live.js';
import { Summary } from './summary.js';
import { Workers } from './workers.js';

/** It comes after the workers, so that it need not move for them. */
const Below = lazy(() => [import('./below.js'), learn('decisions')], 'Below');

const DIALOGS = { drain: DrainDialog, add: AddDialog };

function App() {
  if (isNoAdmin.value) return html`<${Top} page="dashboard.html" /><${Sorry} title=${t('top.dashboard')} text=${t('sorry.fleet')} />`;
  const dialog = fleet.dialog.value;
  return html`
    <${Top} page="dashboard.html" />
    <${Connection} />
    <main class="dashboard">
      <${Summary} />
      <${Workers} />
      ${fleet.loaded.value && html`<${Below} />`}
    </main>
    <div class="bottom"><${Notices} /></div>
    <p class="unseen" role="status">${store.announcement.value}</p>
    ${dialog && html`<${DIALOGS[dialog.kind]} worker=${dialog.worker} />`}`;
}

await learn('fleet');
effect(() => {
  document.documentElement.lang = language.value;
  document.title = t('fleet.page_title');
});
await enter();
if (!isNoAdmin.value) startLive();
render(html`<${App} />`, document.getElementById('app'));
