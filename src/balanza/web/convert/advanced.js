// The options that few people need, behind one disclosure: a field for each option that the chosen format takes.
import { useEffect, useId, useRef } from '../vendor/preact/hooks.js';
import { decimal } from '../format.js';
import { html } from '../html.js';
import { isTranslated, t } from '../i18n.js';
import { ProblemText } from '../parts.js';

const WITHOUT = 'quality'; // it has a place of its own
const BIT_RATE = 'bits per second';
const UNITS = { [BIT_RATE]: 'kbit/s', Hz: 'Hz' };
const NUMBER = /^\d+([.,]\d+)?$/;

const optionsOf = (format) => Object.entries(format?.options ?? {}).filter(([name]) => name !== WITHOUT);

/** What is sent of the fields' `values`: what this format takes, is filled in and differs from the default. */
export function given(format, values) {
  const sent = optionsOf(format).map(([name, option]) => [name, sentAs(option, values[name])]);
  return Object.fromEntries(sent.filter(([, value]) => value !== undefined));
}

function sentAs(option, value) {
  if (option.type === 'boolean') return value === !option.default ? value : undefined;
  const text = value?.trim() ?? '';
  if (option.type === 'choice') return option.choices.find((choice) => String(choice) === text && choice !== option.default);
  if (text === '' || text === String(option.default)) return undefined;
  if (!['integer', 'number'].includes(option.type) || !NUMBER.test(text)) return text; // the server says what is wrong with it
  const number = text.replace(',', '.');
  return option.unit === BIT_RATE ? `${number}k` : number;
}

/** The option that a refusal is about: its sentence begins with the name. */
export function blamed(problem, format) {
  if (problem?.slug !== 'invalid-option') return null;
  const name = problem.detail.split(' ', 1)[0];
  return optionsOf(format).some(([known]) => known === name) ? name : null;
}

/** `refused` is the problem that the last Start met, `problem` the one to be shown at its field. `children` are fields besides
 * those of the format, of which `more` are set. */
export function Advanced({ format, values, onChange, problem, refused, more, children }) {
  const details = useRef(null);
  const wrong = blamed(problem, format);
  useEffect(() => {
    const name = blamed(refused, format);
    if (name === null) return;
    details.current.open = true;
    details.current.querySelector(`[name="${name}"]`).focus();
  }, [refused]);
  const count = Object.keys(given(format, values)).length + more;
  return html`
    <details class="advanced" ref=${details}>
      <summary>${count > 0 ? t('advanced.some', { count }) : t('advanced.title')}</summary>
      <div class="advanced-fields">${optionsOf(format).map(([name, option]) => html`
        <${Field} key=${name} name=${name} option=${option} value=${values[name]} problem=${name === wrong ? problem : null}
          onChange=${(value) => onChange({ ...values, [name]: value })} />`)}${children}</div>
    </details>`;
}

const labelOf = (name) => (isTranslated(`option.${name}`) ? t(`option.${name}`) : name);

function Field({ name, option, value, problem, onChange }) {
  const id = useId();
  const hint = hintOf(option);
  const said = {
    name,
    'aria-invalid': problem ? 'true' : undefined,
    'aria-describedby': [hint && `${id}h`, problem && `${id}p`].filter(Boolean).join(' ') || undefined,
  };
  const Kind = KINDS[option.type] ?? Text;
  return html`
    <div class=${`field option of-${option.type}`}>
      <${Kind} label=${labelOf(name)} option=${option} value=${value} said=${said} onChange=${onChange} />
      ${hint && html`<small id=${`${id}h`}>${hint}</small>`}
      ${problem && html`<div id=${`${id}p`}><${ProblemText} problem=${problem} /></div>`}
    </div>`;
}

const Text = ({ label, option, value, said, onChange }) => html`
  <label class="field"><span>${label}</span>
    <input class="input" value=${value ?? ''} placeholder=${option.default} autocomplete="off" spellcheck=${false} maxlength="40"
      inputmode=${['integer', 'number'].includes(option.type) ? 'decimal' : undefined} ...${said}
      onInput=${(event) => onChange(event.currentTarget.value)} /></label>`;

const Choice = ({ label, option, value, said, onChange }) => {
  const current = value ?? String(option.default ?? '');
  return html`
    <label class="field"><span>${label}</span>
      <select class="select" ...${said} onChange=${(event) => onChange(event.currentTarget.value)}>
        ${option.default === undefined && html`<option value="">${t('advanced.as_source')}</option>`}
        ${option.choices.map((choice) => html`
          <option key=${choice} value=${choice} selected=${String(choice) === current}>${withUnit(choice, option.unit)}</option>`)}
      </select></label>`;
};

const Flag = ({ label, option, value, said, onChange }) => html`
  <label class="check"><input type="checkbox" checked=${value ?? option.default} ...${said}
    onChange=${(event) => onChange(event.currentTarget.checked)} /><span>${label}</span></label>`;

const KINDS = { choice: Choice, boolean: Flag };

const withUnit = (value, unit) => (typeof value === 'number' ? [decimal(value), UNITS[unit]].filter(Boolean).join('\u00a0') : value);

const HINTS = {
  integer: rangeOf,
  number: rangeOf,
  resolution: ({ examples }) => t('advanced.like', { examples: examples.join(', ') }),
  time: () => t('advanced.time'),
};

function rangeOf({ minimum, maximum, unit }) {
  const scale = unit === BIT_RATE ? 1000 : 1;
  const range = t('advanced.range', { least: decimal(minimum / scale), most: decimal(maximum / scale) });
  return UNITS[unit] ? `${range}\u00a0${UNITS[unit]}` : range;
}

const hintOf = (option) => HINTS[option.type]?.(option);
