// When the turn of a conversion comes: before or after the others, and in which order those of several files.
import { isAdmin } from '../accounts/me.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { LEVELS } from '../waiting.js';

export const GOALS = ['slowdown', 'makespan'];

export const GoalField = ({ current, onChange }) => html`
  <${Choice} name="goal" title=${t('goal.title')} hint=${t(`goal.${current}_hint`)} current=${current} onChange=${onChange}
    choices=${GOALS.map((goal) => [goal, t(`goal.${goal}`)])} />`;

/** A high one is for administrators, and for whoever has the server for themselves. */
export function PriorityField({ current, onChange }) {
  const levels = Object.entries(LEVELS).filter(([, priority]) => priority <= LEVELS.usual || isAdmin.value);
  return html`
    <${Choice} name="priority" title=${t('level.title')} hint=${t('level.hint')} current=${current}
      onChange=${(value) => onChange(Number(value))} choices=${levels.map(([level, priority]) => [priority, t(`level.${level}`)])} />`;
}

const Choice = ({ name, title, hint, current, choices, onChange }) => html`
  <div class="field option">
    <label class="field"><span>${title}</span>
      <select class="select" name=${name} aria-describedby=${`${name}-hint`} onChange=${(event) => onChange(event.currentTarget.value)}>
        ${choices.map(([value, words]) => html`<option key=${value} value=${value} selected=${value === current}>${words}</option>`)}
      </select></label>
    <small id=${`${name}-hint`}>${hint}</small>
  </div>`;
