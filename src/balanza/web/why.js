// Why a conversion is where it is: who was chosen for it and why not the others, and what happened since.
import { useEffect, useState } from './vendor/preact/hooks.js';
import { explainJob } from './api.js';
import { decimal, percent, span, timeOfDay } from './format.js';
import { html } from './html.js';
import { isTranslated, t } from './i18n.js';
import { Icon } from './icons.js';
import { Dialog, ProblemText } from './parts.js';
import * as store from './store.js';
import { foreseen, priorityOf, waitsFor } from './waiting.js';
import { Waits, WhyNot } from './whynot.js';

const UNKNOWN = '–';
const STEALING = 'stealing';
const ENDED_ATTEMPTS = ['retried', 'failed', 'expired', 'released']; // what comes from an attempt comes from no queue

const close = () => {
  store.dialog.value = null;
};

export function WhyDialog({ job: asked }) {
  const job = store.jobs.value.find((one) => one.job_id === asked.job_id) ?? asked;
  const { answer, problem } = useExplanation(job);
  return html`
    <${Dialog} title=${t('why.title', { name: job.input_file })} onClose=${close}>
      <div role="alert">${problem && html`<${ProblemText} problem=${problem} />`}</div>
      ${answer && html`<${Now} answer=${answer} job=${job} /><${History} decisions=${answer.history} />`}
    <//>`;
}

/** Asked again when the job has gone on while the dialog is open. */
function useExplanation({ job_id: id, status, assigned_worker: assigned, worker_id: worker, attempts }) {
  const [found, setFound] = useState({ answer: null, problem: null });
  useEffect(() => {
    let isOver = false;
    const show = (fresh) => !isOver && setFound((before) => ({ ...before, problem: null, ...fresh }));
    explainJob(id).then((answer) => show({ answer }), (problem) => show({ problem }));
    return () => {
      isOver = true;
    };
  }, [id, status, assigned, worker, attempts]);
  return found;
}

const Now = ({ job, answer: { status, worker_id: worker, waits_for: waiting } }) => html`
  <p class="why-now"><strong>${status === 'pending' ? `${waitsFor(waiting)}.` : t(`why.${status}`, { worker: worker ?? t('why.nobody') })}</strong></p>
  ${waiting && html`<${Waits} waiting=${waiting} />`}
  <${Facts} facts=${turnOf(job, waiting)} />`;

const Facts = ({ facts }) => facts.length > 0 && html`<p class="facts">${facts.map((fact) => html`<span key=${fact}>${fact}</span>`)}</p>`;

/** What its turn depends on, and when it comes. */
const turnOf = (job, waiting) =>
  [
    waiting && foreseen(job),
    store.LIVE.includes(job.status) && t('why.predicted', { time: span(job.predicted_seconds) }),
    priorityOf(job),
    job.batch_id && t('why.batch'),
  ].filter(Boolean);

const History = ({ decisions }) =>
  decisions.length === 0
    ? html`<p class="facts">${t('why.forgotten')}</p>`
    : html`<ol class="why">${decisions.map((one, index) => html`<${Decision} key=${one.id} decision=${one} isFirst=${index === 0} />`)}</ol>`;

function Decision({ decision, isFirst }) {
  const { at, policy, rule, worker_id: worker, candidates } = decision;
  const table = candidates.length > 0 ? html`<${Candidates} decision=${decision} />` : html`<p class="facts">${t('why.no_worker')}</p>`;
  return html`
    <li>
      <p><time class="facts" datetime=${at}>${timeOfDay(at)}</time> ${isFirst ? choiceOf(decision) : moveOf(decision)}</p>
      ${worker !== null && policy !== STEALING && html`<p class="facts">${policyOf(policy)}</p>`}
      ${rule && isTranslated(`rule.${rule}`) && html`<p class="facts">${t(`rule.${rule}`)}</p>`}
      ${isFirst ? table : html`<details><summary>${t('why.numbers')}</summary>${table}</details>`}
    </li>`;
}

const choiceOf = ({ worker_id: worker }) => (worker === null ? t('why.nobody_able') : t('why.chosen', { worker }));

function moveOf({ reason, source: before, worker_id: after }) {
  const [source, worker] = [before ?? t('queue.general'), after ?? t('queue.general')];
  const because = isTranslated(`because.${reason}`) ? t(`because.${reason}`, { source, worker }) : reason;
  const isFromAttempt = before === null && ENDED_ATTEMPTS.includes(reason);
  return t(isFromAttempt ? 'why.sent' : 'why.moved', { source, worker, because });
}

const policyOf = (policy) => (isTranslated(`policy.${policy}`) ? t(`policy.${policy}`) : t('why.policy', { policy }));

/** The chosen one first. */
const Candidates = ({ decision: { candidates } }) => html`
  <table class="candidates">
    <thead><tr><th scope="col">${t('timeline.worker')}</th><th scope="col" class="number">${t('why.jobs')}</th>
      <th scope="col" class="number">${t('worker.cpu')}</th><th scope="col" class="number">${t('why.load')}</th></tr></thead>
    ${[...candidates].sort((a, b) => b.chosen - a.chosen).map((one) => html`<${Candidate} key=${one.worker_id} one=${one} />`)}
  </table>`;

/** Two rows, so that the clause has room on a phone, too. */
const Candidate = ({ one }) => html`
  <tbody class=${one.chosen ? 'chosen' : ''}>
    <tr><th scope="rowgroup">${one.worker_id}</th><td class="number">${decimal(one.jobs_in_progress)}</td>
      <td class="number">${one.cpu_load === null ? UNKNOWN : percent(100 * one.cpu_load)}</td>
      <td class="number">${decimal(one.load_score)}</td></tr>
    <tr><td colspan="4" class="facts">
      ${one.chosen && html`<span class="is-chosen"><${Icon} name="completed" />${t('why.is_chosen')}</span>`}
      ${one.why_not && html`<${WhyNot} one=${one} />`}<span>${sampleOf(one)}</span>
      ${typeof one.finish_seconds === 'number' && html`<span>${t('why.finishes', { time: span(one.finish_seconds) })}</span>`}</td></tr>
  </tbody>`;

const sampleOf = ({ metrics_source: source, metrics_age_seconds: age }) =>
  source === null ? t('worker.unmeasured') : t(`source.${source}`, { time: span(age) });
