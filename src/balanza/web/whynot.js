// Why a worker does not get a job, and what a job waits for, in whole sentences.
import { html } from './html.js';
import { t } from './i18n.js';
import { inWords } from './wording.js';

/** What follows the name of a candidate that was not chosen. */
export function WhyNot({ one: { why_not: clause, why_not_code: code, why_not_values: values } }) {
  const words = inWords(`clause.${code}`, values);
  return words ? html`<span>${words}</span>` : html`<span lang="en">${clause}</span>`;
}

/** The whole sentence; where a word of it is not known, it is the server's. */
export function Waits({ waiting }) {
  const obstacles = listed(waiting);
  const { sentence, sentence_code: code, sentence_values: values } = waiting;
  const words = obstacles && inWords(`wait.${code}`, { ...values, obstacles });
  return words ? html`<p class="facts">${words}</p>` : html`<p class="facts" lang="en">${sentence}</p>`;
}

/** What stands in the way of each worker; null when one of them has no words. */
function listed({ obstacles = [], more }) {
  const clauses = obstacles.map(({ worker_id: worker, code, values }) => {
    const words = inWords(`clause.${code}`, values);
    return words && `${worker} ${words}`;
  });
  if (clauses.includes(null)) return null;
  return [...clauses, ...(more > 0 ? [t('list.others', { count: more })] : [])].join('; ');
}
