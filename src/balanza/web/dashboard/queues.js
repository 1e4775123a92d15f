// What waits where: the general queue, and each own queue with something in it, the longest first.
import { decimal, span } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import * as fleet from './fleet.js';

const MOST = 20;
const NAMES = 3;

export function Queues() {
  const body = fleet.queues.value;
  const [general, ...own] = body?.queues ?? [];
  const full = own.filter((queue) => queue.pending > 0).sort((a, b) => b.pending - a.pending);
  const longest = Math.max(1, general?.pending ?? 0, full[0]?.pending ?? 0);
  const oldest = body?.oldest_pending_seconds ?? null;
  return html`
    <section class="panel" id="queues" aria-labelledby="queues-title">
      <header class="panel-head"><h2 id="queues-title">${t('fleet.queues')}</h2>
        ${oldest !== null && html`<span class="facts">${t('queue.oldest', { time: span(oldest, 0) })}</span>`}</header>
      ${general && general.pending + full.length === 0
        ? html`<p class="facts none">${t('queue.empty')}</p>`
        : html`<ul class="queues">${(general ? [general, ...full.slice(0, MOST)] : []).map((queue) => html`
            <${Queue} key=${queue.name} queue=${queue} longest=${longest} />`)}</ul>`}
      ${full.length > MOST && html`<p class="facts none">${t('list.others', { count: full.length - MOST })}</p>`}
    </section>`;
}

function Queue({ queue, longest }) {
  const waiting = fleet.pending.value.filter((job) => job.assigned_worker === queue.worker_id);
  const names = waiting.slice(0, NAMES).map((job) => `${job.input_file} → ${job.output_format.toUpperCase()}`);
  const label = queue.worker_id ?? t('queue.general');
  return html`
    <li class="queue">
      <p class="run"><strong class="run-name">${label}</strong><span class="number">${decimal(queue.pending)}</span></p>
      <meter class="depth" min="0" max=${longest} value=${queue.pending} aria-label=${t('queue.depth', { queue: label })}></meter>
      ${names.length > 0 && html`<p class="facts breakable">${names.join(', ')}${queue.pending > names.length ? ', …' : ''}</p>`}
    </li>`;
}
