// The fleet in eight numbers. Of a fleet without workers nobody knows the load.
import { decimal, percent } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import * as fleet from './fleet.js';

const UNKNOWN = '–';

export function Summary() {
  const sum = fleet.summary.value;
  const jobs = fleet.queues.value?.jobs;
  const rate = fleet.perMinute.value;
  const count = (value) => (value === undefined ? UNKNOWN : decimal(value));
  return html`
    <section class="panel" aria-labelledby="summary-title">
      <h2 class="unseen" id="summary-title">${t('fleet.summary')}</h2>
      <dl class="summary">
        <${Figure} name=${t('fleet.active')} value=${sum ? `${sum.active_workers} / ${sum.total_workers}` : UNKNOWN} />
        <${Figure} name=${t('fleet.processing')} value=${count(jobs?.processing)} kind="processing" />
        <${Figure} name=${t('fleet.waiting')} value=${count(jobs?.pending)} kind="pending" />
        <${Figure} name=${t('fleet.average_cpu')} value=${sum?.active_workers ? percent(100 * sum.average_cpu_load) : UNKNOWN} />
        <${Figure} name=${t('fleet.completed')} value=${count(jobs?.completed)} kind="completed" />
        <${Figure} name=${t('fleet.failed')} value=${count(jobs?.failed)} kind="failed" />
        <${Figure} name=${t('fleet.per_minute')} value=${rate === null ? UNKNOWN : decimal(rate, rate < 9.95 ? 1 : 0)} />
      </dl>
    </section>`;
}

const Figure = ({ name, value, kind = '' }) => html`
  <div class=${`figure ${kind}`}><dt>${name}</dt><dd>${value}</dd></div>`;
