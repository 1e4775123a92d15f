// What will come out: its name, about how big it will be, and about how long it will take.
import { useEffect, useState } from '../vendor/preact/hooks.js';
import { estimate } from '../api.js';
import { bytes, span } from '../format.js';
import { html } from '../html.js';
import { t, tn } from '../i18n.js';
import { ProblemText } from '../parts.js';

const PAUSE_MS = 300;
const AT_ONCE = 4;
const TOLD = 3;
const NOTHING = { wanted: null, outcomes: [], problems: [] };
const OF_CHOICE = /^(option_\w+|bitrate_or_crf|copy_or_change|end_before_start)$/;

/** Whether an option is not valid whatever the file. A start after the end is not valid for those files that are shorter. */
export const isOfChoice = ({ slug, code }) => slug === 'invalid-option' && OF_CHOICE.test(code);

/** The server's estimates for these files, a moment after the last change; `wanted` says for which choice they are. */
export function useOutcome(media, format, options) {
  const [found, setFound] = useState(NOTHING);
  const wanted = JSON.stringify([media.map(({ id }) => id), format, options]);
  useEffect(() => {
    if (!format) return undefined;
    const asking = new AbortController();
    const timer = setTimeout(async () => {
      const all = await estimatesOf(media, format, options, asking.signal);
      if (!asking.signal.aborted) setFound({ ...all, wanted });
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [wanted]);
  return { ...found, isCurrent: found.wanted === wanted };
}

/** Of each file what would come out of it, or why nothing would: `{items: [file], problem}`. What is refused for the choice
 * is so for all: then the others are not asked about. */
export async function estimatesOf(media, format, options, signal = new AbortController().signal) {
  const outcomes = [];
  const problems = [];
  const ahead = [...media];
  const askOneByOne = async () => {
    while (ahead.length > 0 && !signal.aborted) {
      const item = ahead.shift();
      try {
        outcomes.push(await estimate(item.id, format, options, signal));
      } catch (problem) {
        if (signal.aborted) return;
        if (problem.slug === undefined) throw problem;
        problems.push({ items: [item], problem });
        if (isOfChoice(problem)) ahead.length = 0;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askOneByOne));
  return { outcomes, problems };
}

/** `isElsewhere`: the problem is shown at its field; `told` are the files whose problems are shown elsewhere too. Its room
 * is there from the beginning: nothing moves. */
export function Outcome({ media, outcomes, problems, isCurrent, isElsewhere, told }) {
  const untold = isElsewhere ? [] : problems.filter(({ items: [item] }) => !told.has(item.id));
  const shown = untold.slice(0, TOLD);
  return html`
    <div class=${`outcome ${isCurrent ? '' : 'old'}`} role="status">
      ${outcomes.length > 0
        ? html`<p class="outcome-name"><strong title=${outcomes[0].output_file}>→ ${outcomes[0].output_file}</strong> ${others(outcomes.length - 1)}</p>`
        : html`<p class="outcome-name">${whyNone(problems, untold, isElsewhere)}</p>`}
      <p class="facts">${factsOf(outcomes).map((fact) => html`<span key=${fact}>${fact}</span>`)}</p>
      ${shown.map(({ items: [item], problem }) => html`
        <div key=${item.id}>${media.length > 1 && html`<p class="breakable">${item.name}</p>`}<${ProblemText} problem=${problem} /></div>`)}
      ${untold.length > shown.length && html`<p>${others(untold.length - shown.length)}</p>`}
    </div>`;
}

function whyNone(problems, untold, isElsewhere) {
  if (isElsewhere) return t('outcome.invalid');
  if (problems.length > 0 && untold.length === 0) return t('outcome.refused');
  return problems.length === 0 && t('outcome.coming');
}

const others = (count) => count > 0 && t('list.others', { count });

function factsOf(outcomes) {
  if (outcomes.length === 0) return [];
  const [size, seconds] = [sum(outcomes, 'size_bytes'), sum(outcomes, 'seconds')];
  const time = seconds !== null && tn('outcome.time', outcomes.length, { time: span(Math.max(1, seconds), 0) });
  return [
    size === null ? t('outcome.no_size') : t('outcome.size', { size: bytes(size) }),
    time || t('outcome.no_time'),
    outcomes.every((outcome) => outcome.runs_copy) && t('outcome.copy'),
  ].filter(Boolean);
}

/** Null when one of them is not known. */
function sum(outcomes, name) {
  const values = outcomes.map((outcome) => outcome[name]);
  return values.includes(null) ? null : values.reduce((total, value) => total + value, 0);
}
