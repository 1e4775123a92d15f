// The dialog that asks into what the chosen files are to be converted, and submits one job for each.
import { useEffect, useMemo, useState } from './vendor/preact/hooks.js';
import { convert, getFormats } from './api.js';
import { html } from './html.js';
import { t, tn } from './i18n.js';
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
  const [problems, setProblems] = useState([]);
  const [isBusy, setBusy] = useState(false);
  const formats = useFormats();
  const onlySound = media.every((item) => item.kind === 'audio');
  const [format, setFormat] = useState(null);
  const [quality, setQuality] = useState(chosen.quality);
  const current = format ?? firstFormat(formats, onlySound);

  const key = useMemo(newKey, []);

  const start = async (event) => {
    event.preventDefault();
    setBusy(true);
    Object.assign(chosen, { format: current, quality });
    const failed = await submitAll(media, current, { quality }, key);
    setBusy(false);
    setProblems(failed);
    if (failed.length === 0) close();
  };

  return html`
    <${Dialog} title=${tn('convert.title', media.length, { name: media[0].name })} onClose=${close}>
      <form onSubmit=${start}>
        <${FormatField} formats=${formats} current=${current} onlySound=${onlySound} onChange=${setFormat} />
        <${QualityField} current=${quality} onChange=${setQuality} />
        <div role="alert">${problems.map(({ item, problem }) => html`
          <div key=${item.id}>${media.length > 1 && html`<p class="breakable">${item.name}</p>`}<${ProblemText} problem=${problem} /></div>`)}</div>
        <div class="dialog-actions">
          <button type="button" class="button" onClick=${close}>${t('dialog.cancel')}</button>
          <button type="submit" class="button primary" disabled=${isBusy || !current}>${t('convert.start')}</button>
        </div>
      </form>
    <//>`;
}

/** The formats of the server: asked for with this module, and again here if that failed. */
function useFormats() {
  useEffect(() => {
    if (store.formats.value === null) attempt(loadFormats);
  }, []);
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

function FormatField({ formats, current, onlySound, onChange }) {
  const options = (kind) => (formats ?? []).filter((format) => format.kind === kind).map(({ name, title }) => html`
    <option key=${name} value=${name} selected=${name === current}>${title}</option>`);
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

/** One for each opening of the dialog: starting again after a lost answer gives the same jobs, not new ones. */
const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Submits every file, and answers those that were refused. */
async function submitAll(media, format, options, key) {
  const failed = [];
  const accepted = [];
  for (const item of media) {
    try {
      accepted.push(await convert(item.id, format, options, [key, item.id, format, options.quality].join('.')));
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
  store.selected.value = new Set();
  store.notify('done', tn('convert.started', count, { format: format.toUpperCase() }));
}
