// The small parts that several lists share: buttons, progress, problems, dialogs.
import { useEffect, useId, useLayoutEffect, useRef, useState } from './vendor/preact/hooks.js';
import { html } from './html.js';
import { isTranslated, learn, t } from './i18n.js';
import { Icon } from './icons.js';
import { notify } from './store.js';
import { signal } from './vendor/signals/signals.js';
import { inWords } from './wording.js';

/** A button with an icon alone; `label` names it, and the thing it acts on, for those who cannot see it. */
export const IconButton = ({ icon, label, onClick }) => html`
  <button type="button" class="button quiet square" aria-label=${label} title=${label} onClick=${onClick}>
    <${Icon} name=${icon} /></button>`;

export const IconLink = ({ icon, label, href }) => html`
  <a class="button quiet square" aria-label=${label} title=${label} href=${href} download><${Icon} name=${icon} /></a>`;

/** `value` is 0..100, or null while nobody can know. */
export const Progress = ({ value, label }) => html`
  <progress class="progress" max="100" value=${value ?? undefined} aria-label=${label}></progress>`;

const AT_ONCE = 4;

/** Of a list those that are drawn: a few more at a time, so that the page answers meanwhile; in the end all. */
export function useGrowing(items) {
  const [shown, setShown] = useState(AT_ONCE);
  useEffect(() => {
    if (shown >= items.length) return undefined;
    const timer = setTimeout(() => setShown(shown + AT_ONCE));
    return () => clearTimeout(timer);
  }, [shown, items.length]);
  return items.slice(0, shown);
}

const kindOf = (problem) => (isTranslated(`problem.${problem.slug}`) ? problem.slug : 'unexpected');

export const titleOf = (problem) => t(`problem.${kindOf(problem)}`);

const NAMING = new Set(['invalid-option', 'invalid-request']); // of these only the server's sentence names the value

/** What went wrong, in the reader's language; what exactly it was is one click away. */
export const ProblemText = ({ problem }) => html`
  <div class="problem"><strong>${titleOf(problem)}</strong>
    <${Details} problems=${[problem]} isOpen=${NAMING.has(problem.slug)} /></div>`;

/** Whether the strings that say it exactly are there; null until they have been asked for. */
const hasDetails = signal(null);

function learnDetails() {
  if (hasDetails.value) return;
  learn('details').then(() => true, () => false).then((learnt) => {
    hasDetails.value = learnt;
  });
}

/** What the server says of these problems; of those that this page has no words for, in English. */
export function Details({ problems, isOpen = false }) {
  const told = problems.filter(({ detail }) => detail);
  const isLearnt = hasDetails.value;
  useEffect(() => {
    if (told.some(({ code }) => code)) learnDetails();
    else hasDetails.value ??= false;
  }, [told.length]);
  if (told.length === 0 || (isOpen && isLearnt === null)) return null;
  const sentences = told.map(({ detail, code, values }) => {
    const words = inWords(`detail.${code}`, values);
    return words ? html`<p>${words}</p>` : html`<p lang="en">${detail}</p>`;
  });
  return isOpen ? sentences : html`<details><summary>${t('problem.details')}</summary>${sentences}</details>`;
}

/** Runs an action of a button; a failure becomes a notice. */
export async function attempt(action) {
  try {
    return await action();
  } catch (problem) {
    if (problem.slug === undefined) throw problem;
    notify('error', titleOf(problem), [problem]);
    return null;
  }
}

/** A modal dialog. Escape and a click beside it close it; `data-first` has the focus first. Afterwards it goes back to where
    it was or, if that is gone, to the element with the id `otherwise`. */
export function Dialog({ title, onClose, otherwise, children }) {
  const ref = useRef(null);
  const id = useId();
  // With its first sight, not after it: a key that is pressed then must reach it.
  useLayoutEffect(() => {
    const element = ref.current;
    const before = document.activeElement;
    element.showModal();
    element.querySelector('[data-first]')?.focus();
    return () => {
      element.close();
      (before.isConnected ? before : document.getElementById(otherwise))?.focus(); // the browser does not: the dialog is gone
    };
  }, []);
  const onCancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${ref} class="dialog" aria-labelledby=${id} onCancel=${onCancel}
      onClick=${(event) => event.target === ref.current && onClose()}>
      <div class="dialog-body">
        <header class="dialog-head"><h2 id=${id}>${title}</h2>
          <${IconButton} icon="close" label=${t('dialog.close')} onClick=${onClose} /></header>
        ${children}
      </div>
    </dialog>`;
}
