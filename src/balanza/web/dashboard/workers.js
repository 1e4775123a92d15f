// One card per worker. Only the cards in sight, and those next to them, have anything in them.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { me } from '../accounts/me.js';
import { bytes, decimal, percent, span, timeOfDay } from '../format.js';
import { html } from '../html.js';
import { t, tn } from '../i18n.js';
import { Icon } from '../icons.js';
import { Progress } from '../parts.js';
import { inWords } from '../wording.js';
import { Actions, openAdd } from './actions.js';
import * as fleet from './fleet.js';

const MARGIN = '400px';
const MANY = 24; // more scroll in a box of their own, so that what is below them stays within reach
const SHOWN_JOBS = 2;
const UNKNOWN = '–';

export function Workers() {
  const ids = fleet.ids.value;
  const isMany = ids.length > MANY;
  return html`
    <section class="panel" id="workers" aria-labelledby="workers-title">
      <header class="panel-head"><h2 id="workers-title">${t('fleet.workers')}</h2>
        <button type="button" class="button end" onClick=${openAdd}><${Icon} name="add" />${t('fleet.add')}</button></header>
      ${!fleet.loaded.value && html`<p class="first-word">${t('fleet.coming')}</p>`}
      ${fleet.loaded.value && ids.length === 0 && html`
        <div class="empty"><${Icon} name="balance" /><p><strong>${t('fleet.empty')}</strong></p>
          <p>${t('fleet.empty_hint')}</p></div>`}
      <ul class=${`worker-cards ${isMany ? 'many' : ''}`} tabindex=${isMany ? 0 : undefined} aria-labelledby="workers-title">
        ${ids.map((id) => html`<${Place} key=${id} id=${id} />`)}</ul>
    </section>`;
}

/** A place that knows whether it is in sight. Its height stays, so that nothing jumps when the card comes. */
function Place({ id }) {
  const ref = useRef(null);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const element = ref.current;
    watched.set(element, setNear);
    observer.observe(element);
    return () => {
      watched.delete(element);
      observer.unobserve(element);
    };
  }, []);
  const status = fleet.statusOf(id).value;
  return html`
    <li ref=${ref} class=${`worker ${fleet.isSuspect(id).value ? 'suspect' : ''}`} data-worker=${id} data-status=${status}>
      <div class="card-head"><h3 class="name" title=${id}>${id}</h3><${Status} status=${status} /></div>
      ${isNear && html`<${Card} id=${id} />`}
    </li>`;
}

const watched = new Map();
const changed = new Map();

/** One card after the other, so that the page answers meanwhile. */
function drawNext() {
  const [next] = changed;
  if (next === undefined) return;
  changed.delete(next[0]);
  watched.get(next[0])?.(next[1]);
  setTimeout(drawNext);
}

const observer = new IntersectionObserver(
  (entries) => {
    const isIdle = changed.size === 0;
    for (const entry of entries) changed.set(entry.target, entry.isIntersecting);
    if (isIdle) drawNext();
  },
  { rootMargin: MARGIN, scrollMargin: MARGIN },
);

const ICONS = {
  idle: 'completed', available: 'completed', busy: 'processing', draining: 'pause', offline: 'cancelled',
  quarantined: 'warning',
};

const Status = ({ status }) => html`
  <span class=${`state worker-${status}`}><${Icon} name=${ICONS[status] ?? 'pending'} />${t(`worker.${status}`)}</span>`;

function Card({ id }) {
  const worker = fleet.statsOf(id).value;
  const isOffline = worker.status === 'offline';
  return html`
    <div class="worker-body">
      <${Gauge} worker=${worker} />
      <dl class="measures">
        <${Measure} name=${t('worker.cpu')} value=${worker.cpu_load === null ? UNKNOWN : percent(100 * worker.cpu_load)} />
        <${Measure} name=${t('worker.memory')} value=${memoryOf(worker)} />
        <${Measure} name=${t('worker.network')} value=${networkOf(worker)} />
        <${Measure} name=${t('worker.slots')} value=${`${worker.running_jobs} / ${worker.slots}`} />
        <${Measure} name=${t('worker.waiting')} value=${decimal(worker.assigned_jobs)} />
      </dl>
    </div>
    ${worker.quarantine_reason !== null && html`<${Quarantine} worker=${worker} />`}
    <${Running} id=${id} />
    <p class="facts"><span>${tn('worker.completed', worker.conversions_success)}</span>
      <span>${tn('worker.failed', worker.conversions_failed)}</span></p>
    <p class="facts">${isOffline
      ? t('worker.offline_since', { time: timeOfDay(worker.last_seen_at) })
      : [sourceOf(worker), seenOf(worker)].map((fact, index) => html`<span key=${index}>${fact}</span>`)}</p>
    <div class="card-actions"><${Actions} worker=${worker} /></div>`;
}

const Measure = ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function memoryOf({ memory_mb: used, memory_total_mb: total }) {
  if (used === null) return UNKNOWN;
  const size = bytes(used * 1e6);
  return total === null ? size : t('worker.memory_of', { used: size, total: bytes(total * 1e6) });
}

const networkOf = ({ received_bytes_per_second: received, sent_bytes_per_second: sent }) =>
  received === null || sent === null ? UNKNOWN : t('worker.network_of', { received: bytes(received), sent: bytes(sent) });

const sourceOf = ({ metrics_source: source, metrics_age_seconds: age }) =>
  source === null ? t('worker.unmeasured') : t(`source.${source}`, { time: span(age) });

const seenOf = ({ last_seen_at: at }) =>
  t('worker.seen', { time: span(Math.max(0, (fleet.now() - Date.parse(at)) / 1000), 0) });

const TURN = 2 * Math.PI * 32;

/** A ring that fills from the top; the number in it says the same. */
function Gauge({ worker }) {
  const isKnown = worker.status !== 'offline';
  const score = isKnown ? worker.load_score : 0;
  return html`
    <div class="gauge" role="meter" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${score}
      aria-valuetext=${isKnown ? String(score) : t('worker.unknown')}
      aria-label=${t('worker.score_of', { worker: worker.worker_id })}>
      <svg viewBox="0 0 80 80" aria-hidden="true">
        <circle class="gauge-track" cx="40" cy="40" r="32" />
        <circle class="gauge-value" cx="40" cy="40" r="32" transform="rotate(-90 40 40)"
          stroke-dasharray=${`${(TURN * score) / 100} ${TURN}`} />
      </svg>
      <p aria-hidden="true"><strong>${isKnown ? score : UNKNOWN}</strong><small>${t('worker.score')}</small></p>
    </div>`;
}

const Quarantine = ({ worker }) => html`
  <p class="problem"><strong>${worker.quarantined_until > new Date(fleet.now()).toISOString()
    ? t('worker.quarantined_until', { time: timeOfDay(worker.quarantined_until, false) })
    : t('worker.probation')}</strong> <${Fault} worker=${worker} /></p>`;

/** Why it is in quarantine. */
function Fault({ worker: { quarantine_reason: reason, quarantine_code: code, quarantine_values: values } }) {
  const words = inWords(`fault.${code}`, values);
  return words ? html`<span>${words}</span>` : html`<span lang="en">${reason}</span>`;
}

function Running({ id }) {
  const jobs = fleet.runningOn(id).value;
  const ofOthers = me.value?.accounts ? fleet.statsOf(id).value.running_jobs - jobs.length : 0;
  return html`
    <ul class="running" aria-label=${t('worker.runs', { worker: id })}>
      ${jobs.length === 0 && ofOthers <= 0 && html`<li class="facts">${t('worker.nothing')}</li>`}
      ${jobs.slice(0, SHOWN_JOBS).map((job) => html`
        <li key=${job.job_id}>
          <p class="run small"><span class="run-name" title=${job.input_file}>${job.input_file} → ${job.output_format.toUpperCase()}</span>
            <span>${job.paused ? t('worker.paused', { percent: percent(job.progress) }) : percent(job.progress)}</span></p>
          <${Progress} value=${job.progress} label=${t('jobs.progress', { name: job.input_file })} />
        </li>`)}
      ${jobs.length > SHOWN_JOBS && html`<li class="facts">${t('list.others', { count: jobs.length - SHOWN_JOBS })}</li>`}
      ${ofOthers > 0 && html`<li class="facts">${tn('worker.of_others', ofOthers)}</li>`}
    </ul>`;
}
