// The dialog that asks into what the chosen files are to be converted, and submits one job for each.
import { useEffect, useMemo, useState } from './vendor/preact/hooks.js';
import { convert, getFormats } from './api.js';
import { Advanced, blamed, given } from './convert/advanced.js';
import { Outcome, useOutcome } from './convert/outcome.js';
import { html } from './html.js';
import { isTranslated, t, tn } from './i18n.js';
import { jobChanged } from './live.js';
import { attempt, Dialog, ProblemText } from './parts.js';
import * as store from './store.js';

const QUALITIES = ['small', 'balanced', 'best'];
const FIRST = { audio: 'mp3', video: 'mp4' };

/** What was chosen last, for the next time. */
const chosen = { format: null, quality: 'balanced' };

const close = () => {
  store.dialog.value = null;
};

export function ConvertDialog({ media }) {
  const formats = useFormats();
  const onlySound = media.every((item) => item.kind === 'audio');
  const [format, setFormat] = useState(null);
  const [quality, setQuality] = useState(chosen.quality);
  const [values, setValues] = useState({});
  const current = format ?? firstFormat(formats, onlySound);
  const described = formats?.find(({ name }) => name === current);
  const options = { quality, ...given(described, values) };
  const outcome = useOutcome(media, described?.name, options);
  const { problems, isBusy, start } = useStarting(media, current, options);
  const refused = problems.find(({ problem }) => blamed(problem, described))?.problem ?? null;
  const invalid = outcome.isCurrent ? outcome.problems.find(({ problem }) => blamed(problem, described))?.problem : null;

  return html`
    <${Dialog} title=${tn('convert.title', media.length, { name: media[0].name })} onClose=${close}>
      <form onSubmit=${start}>
        <${FormatField} formats=${formats} current=${current} onlySound=${onlySound} onChange=${setFormat} />
        <${QualityField} current=${quality} onChange=${setQuality} />
        <${Advanced} format=${described} values=${values} onChange=${setValues} problem=${invalid ?? refused} refused=${refused} />
        <${Refused} media=${media} problems=${refused ? [] : problems} />
        <div class="convert-foot">
          <${Outcome} media=${media} ...${outcome} isElsewhere=${Boolean(invalid)} />
          <div class="dialog-actions">
            <button type="button" class="button" onClick=${close}>${t('dialog.cancel')}</button>
            <button type="submit" class="button primary" disabled=${isBusy || !current}>${t('convert.start')}</button>
          </div>
        </div>
      </form>
    <//>`;
}

/** Starting, and which files were refused when this was last tried with these options. */
function useStarting(media, format, options) {
  const [last, setLast] = useState({ problems: [], wanted: null });
  const [isBusy, setBusy] = useState(false);
  const keys = useMemo(() => new Map(), []);
  const wanted = JSON.stringify([format, options]);
  const start = async (event) => {
    event.preventDefault();
    setBusy(true);
    Object.assign(chosen, { format, quality: options.quality });
    if (!keys.has(wanted)) keys.set(wanted, newKey());
    const problems = await submitAll(media, format, options, keys.get(wanted));
    setBusy(false);
    setLast({ problems, wanted });
    if (problems.length === 0) close();
  };
  return { isBusy, start, problems: last.wanted === wanted ? last.problems : [] };
}

const Refused = ({ media, problems }) => html`
  <div role="alert">${problems.map(({ item, problem }) => html`
    <div key=${item.id}>${media.length > 1 && html`<p class="breakable">${item.name}</p>`}<${ProblemText} problem=${problem} /></div>`)}</div>`;

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

/** One for each choice in an open dialog: starting again after a lost answer gives the same jobs, not new ones. */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Submits every file, and answers those that were refused. */
async function submitAll(media, format, options, key) {
  const failed = [];
  const accepted = [];
  for (const item of media) {
    try {
      accepted.push(await convert(item.id, format, options, `${key}.${item.id}`));
    } catch (problem) {
      if (problem.slug === undefined) throw problem;
      failed.push({ item, problem });
    }
  }
  for (const job of accepted) jobChanged(job.job_id);
  if (accepted.length) onSubmitted(accepted.length, format);
  return failed;
}

function onSubmitted(count, format) {
  store.selected.value = new Map();
  store.notify('done', tn('convert.started', count, { format: format.toUpperCase() }));
}
