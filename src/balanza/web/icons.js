// The icons, drawn on a 24 by 24 grid. They say nothing to screen readers: the text beside them, or the label, does.
import { html } from './html.js';

const PATHS = {
  audio: 'M9 18V5l11-2v13M9 18a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM20 16a3 3 0 1 1-6 0a3 3 0 0 1 6 0z',
  video: 'M3 5h18v14H3zM8 5v14M16 5v14M3 12h18M3 8.5h5M3 15.5h5M16 8.5h5M16 15.5h5',
  upload: 'M12 16V4M6.5 9.5L12 4l5.5 5.5M4 16v4h16v-4',
  download: 'M12 4v12M6.5 10.5L12 16l5.5-5.5M4 16v4h16v-4',
  play: 'M7 4l13 8l-13 8z',
  convert: 'M4 9h14M13.5 4.5L18 9l-4.5 4.5M20 15H6M10.5 10.5L6 15l4.5 4.5',
  share: 'M15.5 7.3L8.5 10.8M15.5 16.7L8.5 13.2M9 12a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM21 6a3 3 0 1 1-6 0a3 3 0 0 1 6 0zM21 18a3 3 0 1 1-6 0a3 3 0 0 1 6 0z',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  close: 'M6 6l12 12M18 6L6 18',
  retry: 'M20 12a8 8 0 1 1-2.5-5.8M20 3v5h-5',
  pending: 'M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM12 7v5l3.5 2',
  processing: 'M12 3v4M12 17v4M3 12h4M17 12h4M5.6 5.6l2.9 2.9M15.5 15.5l2.9 2.9M18.4 5.6l-2.9 2.9M8.5 15.5l-2.9 2.9',
  completed: 'M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM8 12.2l2.8 2.8L16 9.5',
  failed: 'M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM12 7.5v5.5M12 16v.5',
  cancelled: 'M12 3a9 9 0 1 1 0 18a9 9 0 0 1 0-18zM6 6l12 12',
  pause: 'M8 5v14M16 5v14',
  previous: 'M18 5v14l-10-7zM6 5v14',
  next: 'M6 5v14l10-7zM18 5v14',
  shuffle: 'M3 7h3c5 0 6 10 11 10h4M18 14l3 3l-3 3M3 17h3c1.8 0 3-1.2 4-2.9M13 9.9C14 8.2 15.2 7 17 7h4M18 4l3 3l-3 3',
  repeat: 'M4 12V9a3 3 0 0 1 3-3h13M17 3l3 3l-3 3M20 12v3a3 3 0 0 1-3 3H4M7 21l-3-3l3-3',
  repeat_one: 'M4 12V9a3 3 0 0 1 3-3h13M17 3l3 3l-3 3M20 12v3a3 3 0 0 1-3 3H4M7 21l-3-3l3-3M10.8 10.5l1.7-1v5.5',
  volume: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  silent: 'M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  fullscreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  pip: 'M10 19H3V5h18v6M13 14h8v6h-8z',
  add: 'M12 5v14M5 12h14',
  copy: 'M9 9h11v11H9zM15 5V4H4v11h1',
  warning: 'M12 4l9 16H3zM12 10v5M12 17.5v.5',
  person: 'M16 8a4 4 0 1 1-8 0a4 4 0 0 1 8 0zM4 20c1-4 4-6 8-6s7 2 8 6',
  people: 'M13 8.5a3.5 3.5 0 1 1-7 0a3.5 3.5 0 0 1 7 0zM2.5 19.5c.8-3.5 3.3-5.5 7-5.5s6.2 2 7 5.5M15.5 5.2a3.5 3.5 0 0 1 0 6.6M18 14.5c2 .8 3 2.5 3.5 5',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M18 7a2 2 0 1 1-4 0a2 2 0 0 1 4 0zM10 17a2 2 0 1 1-4 0a2 2 0 0 1 4 0z',
  leave: 'M10 4H5v16h5M9 12h12M16.5 7.5L21 12l-4.5 4.5',
  key: 'M12 15a4 4 0 1 1-8 0a4 4 0 0 1 8 0zM11 12.2L20 4M17 6.5l3 3M14 9l2 2',
  search: 'M18 11a7 7 0 1 1-14 0a7 7 0 0 1 14 0zM16 16l5 5',
  more: 'M6 12a1 1 0 1 1-2 0a1 1 0 0 1 2 0zM13 12a1 1 0 1 1-2 0a1 1 0 0 1 2 0zM20 12a1 1 0 1 1-2 0a1 1 0 0 1 2 0z',
  rename: 'M4 20l1-4.5L16 4.5L19.5 8L8.5 19zM13.5 7L17 10.5',
  show: 'M2 12c2.5-4.5 6-7 10-7s7.5 2.5 10 7c-2.5 4.5-6 7-10 7s-7.5-2.5-10-7zM15 12a3 3 0 1 1-6 0a3 3 0 0 1 6 0z',
  hide: 'M2 12c2.5-4.5 6-7 10-7s7.5 2.5 10 7c-2.5 4.5-6 7-10 7s-7.5-2.5-10-7zM4 4l16 16',
  balance: 'M12 4v16M8 20h8M5 7h14M5 7l-3 7h6zM19 7l-3 7h6zM12 4v3',
};

export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
