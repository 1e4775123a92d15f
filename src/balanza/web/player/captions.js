// Captions of a film, from the subtitles in its file: chosen here, made by a worker when they are chosen for the first time.
import { useEffect, useState } from '../vendor/preact/hooks.js';
import { derived, derivedAddress } from '../derived.js';
import { getInfo } from '../api.js';
import { html } from '../html.js';
import { language, t } from '../i18n.js';
import { notify } from '../store.js';

/** The streams of the file; none until they are known, or when it cannot be asked. */
export function useStreams(item) {
  const [streams, setStreams] = useState([]);
  useEffect(() => {
    getInfo(item.id).then(
      (info) => setStreams(info.streams),
      () => {}, // the film says by itself that it cannot be reached
    );
  }, []);
  return streams;
}

/** Those that can be shown over a film. */
export const subtitlesAmong = (streams) => streams.filter((stream) => stream.kind === 'subtitle' && stream.is_text);

function nameOf(stream, subtitles) {
  const number = subtitles.indexOf(stream) + 1;
  const others = subtitles.filter((other) => other.language === stream.language);
  const name = languageName(stream.language);
  if (name === null) return t('captions.unnamed', { number });
  return others.length > 1 ? t('captions.one_of', { name, number: others.indexOf(stream) + 1 }) : name;
}

/** Of a code of two or three letters, as files have them; null when nobody knows it. */
function languageName(code) {
  if (!code || code === 'und') return null;
  try {
    const name = new Intl.DisplayNames(language.value, { type: 'language', fallback: 'none' }).of(code);
    return name ? name[0].toUpperCase() + name.slice(1) : null;
  } catch {
    return null; // no code at all
  }
}

/** `chosen` is the index of a stream, or null. */
export const CaptionsChoice = ({ subtitles, chosen, onChoose }) => html`
  <select class="select captions" aria-label=${t('captions.label')} title=${t('captions.label')} value=${chosen ?? ''}
    onChange=${({ currentTarget: { value } }) => onChoose(value === '' ? null : Number(value))}>
    <option value="">${t('captions.off')}</option>
    ${subtitles.map((stream) => html`<option key=${stream.index} value=${stream.index}>${nameOf(stream, subtitles)}</option>`)}
  </select>`;

/** The track within the film, once it is there. */
export function Captions({ item, subtitles, chosen, onChoose }) {
  const stream = subtitles.find(({ index }) => index === chosen);
  const state = derived(item.id, `captions/${chosen}`).state.value;
  const name = nameOf(stream, subtitles);
  useEffect(() => {
    if (state !== 'none') return;
    notify('error', t('captions.failed', { name }));
    onChoose(null);
  }, [state]);
  if (state !== 'ready') return null;
  const show = (element) => {
    if (element) element.track.mode = 'showing';
  };
  return html`
    <track ref=${show} kind="subtitles" label=${name} srclang=${stream.language ?? 'und'}
      src=${derivedAddress(item.id, `captions/${chosen}`)} />`;
}
