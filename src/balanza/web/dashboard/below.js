// What lies below the workers. Its parts come one after the other, so that the page answers meanwhile.
import { useEffect, useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { Charts } from './charts.js';
import { Feed } from './feed.js';
import { Queues } from './queues.js';
import { Timeline } from './timeline.js';

const LATEST_MS = 500;
const whenIdle = window.requestIdleCallback ?? ((step) => setTimeout(step, 50));

const Beside = () => html`<div class="beside"><${Feed} /><${Queues} /></div>`;

const PARTS = [Timeline, Charts, Beside];

export function Below() {
  const [count, setCount] = useState(1);
  useEffect(() => {
    if (count < PARTS.length) whenIdle(() => setCount(count + 1), { timeout: LATEST_MS });
  }, [count]);
  return PARTS.slice(0, count).map((Part, index) => html`<${Part} key=${index} />`);
}
