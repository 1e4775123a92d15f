// Moments as the reader writes them, in the reader's own time zone.
import { html } from '../html.js';
import { language } from '../i18n.js';

const SHORT = { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' };
/** With the zone: who reads it may have been told the time by somebody in another one. */
const LONG = { weekday: 'long', day: 'numeric', month: 'long', hour: 'numeric', minute: '2-digit', timeZoneName: 'short' };

const locale = () => navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() === language.value) ?? language.value;

export const When = ({ at, short = false }) => html`
  <time datetime=${at}>${new Intl.DateTimeFormat(locale(), short ? SHORT : LONG).format(new Date(at))}</time>`;
