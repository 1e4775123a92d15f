// The conversions, newest first: one card each, which says how far it is and who works on it.
import { cancelJob, downloadAddress, retryJob } from './api.js';
import { bytes, change, left, percent, span, speed } from './format.js';
import { html } from './html.js';
import { t, tn } from './i18n.js';
import { Icon } from './icons.js';
import { play } from './library.js';
import { jobChanged, moreJobs } from './live.js';
import { attempt, IconLink, Progress, useGrowing } from './parts.js';
import * as store from './store.js';
import { foreseen, priorityOf, waitsFor } from './waiting.js';
import { inWords } from './wording.js';

export function Jobs() {
  const items = store.jobs.value;
  const drawn = useGrowing(items);
  return html`
    <section class="panel" id="conversions" aria-labelledby="conversions-title">
      <header class="panel-head"><h2 id="conversions-title">${t('jobs.title')}</h2>
        ${store.liveJobs.value > 0 && html`<span class="facts">${t('jobs.live', { count: store.liveJobs.value })}</span>`}
      </header>
      ${store.loaded.value && items.length === 0 && html`
        <div class="empty"><${Icon} name="convert" />
          <p><strong>${t('jobs.empty')}</strong></p><p>${t('jobs.empty_hint')}</p></div>`}
      <ul class="cards">${drawn.map((job) => html`<${Card} key=${job.job_id} job=${job} />`)}</ul>
      ${store.jobsCursor.value !== null && html`
        <button type="button" class="button more" onClick=${() => attempt(moreJobs)}>${t('list.more')}</button>`}
    </section>`;
}

const openWhy = (job) => {
  store.dialog.value = { kind: 'why', job };
};

function Card({ job }) {
  return html`
    <li class="card" data-status=${job.status} data-job=${job.job_id}>
      <div class="card-head">
        <p class="name" title=${job.input_file}>${job.input_file}</p>
        <p class="to">→ ${job.output_format.toUpperCase()}</p>
        <${State} status=${isPaused(job) ? 'paused' : job.status} />
      </div>
      <${Middle} job=${job} />
      ${job.status === 'failed' && html`<${Failure} job=${job} />`}
      <div class="card-foot">
        <div class="workers">
          <p>${t('jobs.assigned_to', { worker: job.assigned_worker ?? t('jobs.nobody') })}</p>
          <p>${t('jobs.processed_by', { worker: job.worker_id ?? t('jobs.nobody') })}</p>
        </div>
        <div class="card-actions">
          <button type="button" class="button quiet" aria-label=${t('why.open_name', { name: job.input_file })}
            onClick=${() => openWhy(job)}>${t('why.open')}</button>
          <${Actions} job=${job} />
        </div>
      </div>
    </li>`;
}

const isPaused = (job) => job.status === 'processing' && job.paused;

const State = ({ status }) => html`
  <span class=${`state ${status}`}><${Icon} name=${status === 'paused' ? 'pause' : status} />${t(`state.${status}`)}</span>`;

/** The same height in every state as long as the facts fit into one line: nothing jumps when a conversion starts or
    ends. On a phone what it waits for may take a line more. */
const Middle = ({ job }) => html`
  <div class="middle">
    <${Progress} value=${job.progress} label=${t('jobs.progress', { name: job.input_file })} />
    <p class="facts">${middleFacts(job).map((fact, index) => html`<span key=${index}>${fact}</span>`)}</p>
  </div>`;

const FACTS = {
  pending: (job) => [
    foreseen(job) ?? waitsFor(job.waits_for),
    priorityOf(job),
    nthAttempt(job),
  ],
  processing: (job) => [
    percent(job.progress),
    job.paused ? t('jobs.paused') : job.speed === null ? null : speed(job.speed),
    job.eta_seconds === null ? null : left(job.eta_seconds),
    job.attempts > 1 ? nthAttempt({ ...job, attempts: job.attempts - 1 }) : null,
  ],
  completed: (job) => [
    job.output_size_bytes === null ? null : bytes(job.output_size_bytes),
    change(job.size_reduction_percent),
    job.duration_seconds === null ? null : t('jobs.took', { time: span(job.duration_seconds) }),
  ],
  failed: (job) => [tn('jobs.tried', job.attempts)],
  cancelled: (job) => [t('jobs.cancelled_at', { percent: percent(job.progress) })],
};

const middleFacts = (job) => FACTS[job.status](job).filter(Boolean);

const nthAttempt = ({ attempts, max_attempts }) =>
  attempts === 0 ? null : t('jobs.attempt', { number: attempts + 1, most: max_attempts });

const Failure = ({ job }) => html`
  <div class="problem"><strong>${t('jobs.failed')}</strong>
    <${Reason} job=${job} />
    ${job.log_tail && html`
      <details><summary>${t('jobs.details')}</summary>
        <pre tabindex="0" lang="en" aria-label=${t('jobs.details')}>${job.log_tail}</pre></details>`}
  </div>`;

/** In the reader's language where the page has words for it. */
function Reason({ job: { error, error_code: code, error_values: values } }) {
  const words = inWords(`failure.${code}`, values);
  return words ? html`<p>${words}</p>` : html`<p lang="en">${error}</p>`;
}

function Actions({ job }) {
  if (store.LIVE.includes(job.status)) return html`<${Act} job=${job} action="cancel" icon="close" call=${cancelJob} />`;
  if (job.status !== 'completed') return html`<${Act} job=${job} action="retry" icon="retry" call=${retryJob} />`;
  if (store.isResultTrashed(job)) return html`<p class="facts">${t('jobs.result_trashed')}</p>`;
  if (store.isResultGone(job)) return html`<p class="facts">${t('jobs.result_deleted')}</p>`;
  return html`<${ResultActions} job=${job} />`;
}

function Act({ job, action, icon, call }) {
  const onClick = () =>
    attempt(async () => {
      store.mergeJobs([await call(job.job_id)]);
      jobChanged(job.job_id);
    });
  return html`
    <button type="button" class="button" onClick=${onClick} aria-label=${t(`action.${action}_name`, { name: job.input_file })}>
      <${Icon} name=${icon} />${t(`action.${action}`)}</button>`;
}

function ResultActions({ job }) {
  const name = job.output_file;
  const known = store.mediaById.value.get(job.output_id);
  const item = known ?? { id: job.output_id, name, kind: 'video', mime_type: '' };
  return html`
    <button type="button" class="button" aria-label=${t('action.play_name', { name })} onClick=${() => play(item)}>
      <${Icon} name="play" />${t('action.play')}</button>
    <${IconLink} icon="download" label=${t('action.download_name', { name })} href=${downloadAddress(job.output_id)} />`;
}
