// What stands beside a preview: whether one is needed, and how far it is.
import { useEffect, useState } from '../vendor/preact/hooks.js';
import { percent } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Progress } from '../parts.js';
import { NOTHING, playPreview } from './hls.js';

/** What browsers call the codecs that some of them cannot play, although they play others in the same file and say nothing. */
const NAMES = {
  hevc: 'video/mp4; codecs="hvc1.1.6.L93.B0"',
  mpeg4: 'video/mp4; codecs="mp4v.20.9"',
  ac3: 'audio/mp4; codecs="ac-3"',
  eac3: 'audio/mp4; codecs="ec-3"',
  dts: 'audio/mp4; codecs="dtsc"',
  truehd: 'audio/mp4; codecs="mlpa"',
};

/** Whether picture or sound of a film with these streams would be missing in this browser, which shows no picture of it when
    it `isBlind`. */
export function wouldMiss(streams, isBlind) {
  const played = ['video', 'audio'].map((kind) => streams.find((stream) => stream.kind === kind && !stream.is_cover));
  if (isBlind && played[0]) return true;
  const asked = document.createElement('video');
  return played.some((stream) => stream && stream.codec in NAMES && asked.canPlayType(NAMES[stream.codec]) === '');
}

/** Plays the preview in the element `film` and says below it how far it is. */
export function Preview({ item, film, onNone }) {
  const [known, setKnown] = useState(NOTHING);
  useEffect(() => playPreview(film.current, item.id, { onKnown: setKnown, onNone }), []);
  return html`<${HowFar} known=${known} />`;
}

/** Says that this is a preview, and how much of it is made. */
export const HowFar = ({ known }) => html`
  <div class="preview"><p role="status">${sentenceOf(known)}</p>
    ${known.status === 'processing' && html`
      <${Progress} value=${known.progress} label=${t('preview.progress')} /><span>${percent(known.progress)}</span>`}
  </div>`;

function sentenceOf({ status, playlist }) {
  if (status === 'completed') return t('preview.completed');
  return playlist ? t('preview.processing') : t('preview.waiting');
}
