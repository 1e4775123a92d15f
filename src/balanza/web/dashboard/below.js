// What lies below the workers.
import { html } from '../html.js';
import { Charts } from './charts.js';
import { Feed } from './feed.js';
import { Queues } from './queues.js';
import { Timeline } from './timeline.js';

export const Below = () => html`
  <${Timeline} />
  <${Charts} />
  <div class="beside"><${Feed} /><${Queues} /></div>`;
