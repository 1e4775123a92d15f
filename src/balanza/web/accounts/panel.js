// One part of the pages for settings and people.
import { html } from '../html.js';

export const Panel = ({ id, title, children }) => html`
  <section class="panel" id=${id} aria-labelledby=${`${id}-title`}>
    <header class="panel-head"><h2 id=${`${id}-title`} tabindex="-1">${title}</h2></header>
    <div class="panel-body">${children}</div>
  </section>`;
