// What a page shows that is not for whoever opened it, or whose server is away.
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';

export const Sorry = ({ title, text }) => html`
  <main class="columns narrow">
    <section class="panel">
      <div class="empty"><${Icon} name="person" /><h2>${title}</h2><p>${text}</p>
        <a class="button" href="player.html">${t('sorry.library')}</a></div>
    </section>
  </main>`;

/** Until it is known who is there; `enter` goes on asking. */
export const Away = () => html`
  <main class="columns narrow"><p class="problem" role="alert">${t('connection.unreachable')}</p></main>`;
