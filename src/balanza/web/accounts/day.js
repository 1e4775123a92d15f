// Days as the reader writes them; with the `time` of day where it matters.
import { html } from '../html.js';
import { language } from '../i18n.js';

const DAY = { day: 'numeric', month: 'short', year: 'numeric' };
const MOMENT = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

export const Day = ({ at, time = false }) => html`
  <time datetime=${at}>${new Intl.DateTimeFormat(language.value, time ? MOMENT : DAY).format(new Date(at))}</time>`;
