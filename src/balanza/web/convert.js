// The dialog that asks into what the chosen files are to be converted, and submits one job for each.
import { useEffect, useMemo, useState } from './vendor/preact/hooks.js';
import { getFormats } from './api.js';
import { Advanced, blamed, given } from './convert/advanced.js';
import { isOfChoice, Outcome, useOutcome } from './convert/outcome.js';
import { merged, newWish, submitAll } from './convert/submitting.js';
import { GOALS, GoalField, PriorityField } from './convert/turn.js';
import { html } from './html.js';
import { isTranslated, t, tn } from './i18n.js';
import { jobChanged } from './live.js';
import { attempt, Dialog, ProblemText } from './parts.js';
import * as store from './store.js';
import { LEVELS } from './waiting.js';

const QUALITIES = ['small', 'balanced', 'best'];
const FIRST = { audio: 'mp3', video: 'mp4' };
const NAMED = 3;

/** What was chosen last, for the next time. */
const chosen = { format: null, quality: 'balanced', goal: GOALS[0] };

const close = () => {
  store.dialog.value = null;
};

export function ConvertDialog({ media: all }) {
  const [media, setMedia] = useState(all); // what has not been started
  const formats = useFormats();
  const onlySound = media.every((item) => item.kind === 'audio');
  const [format, setFormat] = useState(null);
  const [quality, setQuality] = useState(chosen.quality);
  const [goal, setGoal] = useState(chosen.goal);
  const [priority, setPriority] = useState(LEVELS.usual);
  const [values, setValues] = useState({});
  const current = format ?? firstFormat(formats, onlySound);
  const setLeft = (items) => {
    setFormat(current); // it is what they were refused for
    setMedia(items);
  };
  const described = formats?.find(({ name }) => name === current);
  const options = { quality, ...given(described, values) };
  const outcome = useOutcome(media, described?.name, options);
  const { problems, isBusy, start } = useStarting(media, { output_format: current, options, priority, goal }, setLeft);
  const refused = atField(problems, media, described);
  const invalid = outcome.isCurrent ? atField(merged(outcome.problems), media, described) : null;

  return html`
    <${Dialog} title=${tn('convert.title', media.length, { name: media[0].name })} onClose=${close}>
      <form onSubmit=${start}>
        <${FormatField} formats=${formats} current=${current} onlySound=${onlySound} onChange=${setFormat} />
        <${QualityField} current=${quality} onChange=${setQuality} />
        ${media.length > 1 && html`<${GoalField} current=${goal} onChange=${setGoal} />`}
        <${Advanced} format=${described} values=${values} onChange=${setValues} problem=${invalid ?? refused} refused=${refused}
          more=${priority === LEVELS.usual ? 0 : 1}><${PriorityField} current=${priority} onChange=${setPriority} /><//>
        <${Refused} started=${all.length - media.length} media=${media} problems=${problems} elsewhere=${refused} />
        <div class="convert-foot">
          <${Outcome} media=${media} ...${outcome} isElsewhere=${Boolean(invalid)} told=${idsIn(problems)} />
          <div class="dialog-actions">
            <button type="button" class="button" onClick=${close}>${t('dialog.cancel')}</button>
            <button type="submit" class="button primary" disabled=${isBusy || !current}>${t('convert.start')}</button>
          </div>
        </div>
      </form>
    <//>`;
}

/** The problem that the field of an option tells: the same for all files. */
function atField(problems, media, format) {
  const found = problems.find(({ items, problem }) => items.length === media.length || isOfChoice(problem))?.problem;
  return blamed(found, format) ? found : null;
}

const idsIn = (problems) => new Set(problems.flatMap(({ items }) => items.map(({ id }) => id)));

/** Starting, and which files were refused when exactly this was last tried: those are left. */
function useStarting(media, wanted, setLeft) {
  const [last, setLast] = useState({ problems: [], wish: null });
  const [isBusy, setBusy] = useState(false);
  const wishes = useMemo(() => new Map(), []);
  const key = JSON.stringify(wanted);
  const start = async (event) => {
    event.preventDefault();
    setBusy(true);
    Object.assign(chosen, { format: wanted.output_format, quality: wanted.options.quality, goal: wanted.goal });
    if (!wishes.has(key)) wishes.set(key, newWish());
    const wish = wishes.get(key);
    const { jobs, refused } = await submitAll(media, wanted, wish).finally(() => setBusy(false));
    setLast({ problems: refused, wish });
    for (const job of jobs) jobChanged(job);
    if (jobs.length) onSubmitted(jobs.length, wanted.output_format);
    if (refused.length === 0) close();
    else setLeft(media.filter(({ id }) => !wish.accepted.has(id)));
  };
  return { isBusy, start, problems: last.wish !== null && last.wish === wishes.get(key) ? last.problems : [] };
}

/** Each problem with the files that it is about, unless these are all; without that which is shown `elsewhere`, at its field. */
function Refused({ started, media, problems, elsewhere }) {
  const told = problems.filter(({ problem }) => problem !== elsewhere);
  return html`
    <div role="alert">
      ${started > 0 && problems.length > 0 && html`<p>${tn('convert.others', started)}</p>`}
      ${told.slice(0, NAMED).map(({ items, problem }) => html`
        <div key=${items[0].id}>${items.length < media.length && html`<${Names} items=${items} />`}<${ProblemText} problem=${problem} /></div>`)}
      ${told.length > NAMED && html`<p>${t('list.others', { count: told.length - NAMED })}</p>`}
    </div>`;
}

const Names = ({ items }) => html`
  <p class="breakable">${items.slice(0, NAMED).map(({ name }) => name).join(', ')} ${items.length > NAMED && t('list.others', { count: items.length - NAMED })}</p>`;

/** The formats of the server: asked for with this module, and again here if that failed. */
function useFormats() {
  const connection = store.connection.value;
  useEffect(() => {
    if (store.formats.value === null) attempt(loadFormats); // again when the server is back
  }, [connection]);
  return store.formats.value;
}

let asking = null;

function loadFormats() {
  asking ??= getFormats().then(({ groups }) => {
    store.formats.value = groups.flatMap((group) => group.formats);
  }).finally(() => {
    asking = null;
  });
  return asking;
}

loadFormats().catch(() => {}); // the dialog says what is wrong

function firstFormat(formats, onlySound) {
  if (formats === null) return null;
  const kinds = onlySound ? ['audio'] : ['audio', 'video'];
  const remembered = formats.find(({ name, kind }) => name === chosen.format && kinds.includes(kind));
  return remembered?.name ?? FIRST[kinds.at(-1)];
}

/** Most titles are names, the same in every language. */
const wordsFor = (title) => (isTranslated(`format.${title}`) ? t(`format.${title}`) : title);

function FormatField({ formats, current, onlySound, onChange }) {
  const options = (kind) => (formats ?? []).filter((format) => format.kind === kind).map(({ name, title }) => html`
    <option key=${name} value=${name} selected=${name === current}>${wordsFor(title)}</option>`);
  return html`
    <label class="field"><span>${t('convert.format')}</span>
      <select class="select" data-first onChange=${(event) => onChange(event.currentTarget.value)}>
        <optgroup label=${t('kind.audio')}>${options('audio')}</optgroup>
        <optgroup label=${t(onlySound ? 'convert.video_impossible' : 'kind.video')} disabled=${onlySound}>${options('video')}</optgroup>
      </select></label>`;
}

function QualityField({ current, onChange }) {
  const choices = QUALITIES.map((quality) => html`
    <label key=${quality} class="choice">
      <input type="radio" name="quality" value=${quality} checked=${quality === current} onChange=${() => onChange(quality)} />
      <span><strong>${t(`quality.${quality}`)}</strong><small>${t(`quality.${quality}_hint`)}</small></span></label>`);
  return html`
    <fieldset class="field"><legend>${t('convert.quality')}</legend>
      <div class="choices">${choices}</div>
    </fieldset>`;
}

function onSubmitted(count, format) {
  store.selected.value = new Map();
  store.notify('done', tn('convert.started', count, { format: format.toUpperCase() }));
}
