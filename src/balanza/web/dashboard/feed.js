// The decisions, newest first: which job went where, and why, in words.
import { useState } from '../vendor/preact/hooks.js';
import { decimal, percent, timeOfDay } from '../format.js';
import { html } from '../html.js';
import { isTranslated, t, tn } from '../i18n.js';
import { useGrowing } from '../parts.js';
import { WhyNot } from '../whynot.js';
import * as fleet from './fleet.js';

export function Feed() {
  const decisions = fleet.decisions.value;
  const drawn = useGrowing(decisions);
  return html`
    <section class="panel" id="decisions" aria-labelledby="decisions-title">
      <header class="panel-head"><h2 id="decisions-title">${t('fleet.decisions')}</h2></header>
      ${fleet.loaded.value && decisions.length === 0 && html`<p class="facts none">${t('feed.empty')}</p>`}
      <ol class="feed" tabindex="0" aria-labelledby="decisions-title">
        ${drawn.map((decision) => html`<${Decision} key=${decision.id} decision=${decision} />`)}</ol>
    </section>`;
}

function Decision({ decision }) {
  const others = decision.candidates.filter((candidate) => !candidate.chosen && candidate.why_not);
  return html`
    <li class="decision">
      <p><time class="facts" datetime=${decision.at}>${timeOfDay(decision.at)}</time> ${whatOf(decision)}</p>
      <p class="facts">${whyOf(decision)}</p>
      ${others.length > 0 && html`<${Others} others=${others} />`}
    </li>`;
}

/** Which job went from where to where. */
function whatOf({ job_id: jobId, reason, source, worker_id: worker }) {
  const job = fleet.nameOf(jobId) ?? t('feed.job', { id: jobId.slice(0, 8) });
  if (worker === null) return t('feed.nobody', { job });
  if (source !== null && source !== worker) return t('feed.moved', { job, source, worker });
  return t('feed.chosen', { job, worker });
}

function whyOf(decision) {
  const chosen = decision.candidates.find((candidate) => candidate.chosen);
  const values = { source: decision.source ?? t('queue.general'), worker: decision.worker_id ?? '' };
  const key = `because.${decision.reason}`;
  const facts = [isTranslated(key) ? t(key, values) : decision.reason];
  if (decision.rule && isTranslated(`rule.${decision.rule}`)) facts.push(t(`rule.${decision.rule}`));
  if (chosen) {
    facts.push(t('feed.by', { policy: decision.policy }), tn('feed.had', chosen.jobs_in_progress));
    if (chosen.cpu_load !== null) facts.push(t('feed.cpu', { percent: percent(100 * chosen.cpu_load) }));
    facts.push(t('feed.score', { score: decimal(chosen.load_score) }));
  }
  return facts.map((fact, index) => html`<span key=${index}>${fact}</span>`);
}

/** Of a large fleet there are a hundred: they are made when they are asked for. */
function Others({ others }) {
  const [isOpen, setOpen] = useState(false);
  return html`
    <details class="others" onToggle=${(event) => setOpen(event.target.open)}><summary>${t('feed.others')}</summary>
      ${isOpen && html`
        <ul>${others.map((one) => html`<li key=${one.worker_id} class="facts">${one.worker_id} <${WhyNot} one=${one} /></li>`)}</ul>`}
    </details>`;
}
