// The stage for films and pictures.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { mediaAddress } from '../api.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { IconButton } from '../parts.js';
import { Speed } from './bar.js';
import { Captions, CaptionsChoice, subtitlesAmong, useStreams } from './captions.js';
import { release } from './deck.js';
import { Preview, wouldMiss } from './preview.js';
import { hold } from './session.js';
import * as settings from './settings.js';
import { keysFor, seekBy, STEP_SECONDS, turn } from './steer.js';
import { reasonOf, Unplayable } from './unplayable.js';

const isPicture = (item) => item.mime_type.startsWith('image/');

export function Screen({ item, onClose }) {
  const [failure, setFailure] = useState(null);
  const [chosen, setChosen] = useState(null);
  const film = useRef(null);
  const [isPreview, setPreview] = useState(false);
  const [isBlind, setBlind] = useState(false); // some browsers play the sound alone, without a word
  const onError = async () => {
    const reason = await reasonOf(item);
    if (reason !== 'unplayable' || isPicture(item)) setFailure(reason);
    else if (isPreview) setFailure('no_preview');
    else setPreview(true);
  };
  const isFilm = !isPicture(item) && failure === null;
  const streams = useStreams(item);
  const subtitles = subtitlesAmong(streams);
  const captions = { item, subtitles, chosen, onChoose: setChosen };
  useEffect(() => {
    if (!isPicture(item) && wouldMiss(streams, isBlind)) setPreview(true);
  }, [streams, isBlind]);
  return html`
    <section class=${`player ${isPicture(item) ? 'picture' : 'video'}`} aria-label=${t('player.title')} tabindex="-1"
      onKeyDown=${isFilm ? keysOf(film) : undefined}>
      <p class="name" title=${item.name}>${item.name}</p>
      <div class="screen-actions">
        ${isFilm && subtitles.length > 0 && html`<${CaptionsChoice} ...${captions} />`}
        ${isFilm && html`<${FilmActions} film=${film} />`}
        <${IconButton} icon="close" label=${t('player.close')} onClick=${onClose} />
      </div>
      ${failure !== null && html`<${Unplayable} item=${item} reason=${failure} />`}
      ${isFilm && html`
        <${Film} key=${isPreview} item=${item} film=${film} captions=${captions} isPreview=${isPreview} onError=${onError}
          onBlind=${setBlind} />`}
      ${isFilm && isPreview && html`<${Preview} item=${item} film=${film} onNone=${onError} />`}
      ${isPicture(item) && failure === null && html`<img src=${mediaAddress(item.id)} alt=${item.name} onError=${onError} />`}
    </section>`;
}

function Film({ item, film, captions, isPreview, onError, onBlind }) {
  useEffect(() => {
    const element = film.current;
    const ends = [settings.govern(element), hold(item.name, element), () => release(element)];
    return () => ends.forEach((end) => end());
  }, []);
  const onLoadedMetadata = ({ currentTarget: { videoWidth } }) => onBlind(videoWidth === 0);
  return html`<video ref=${film} src=${isPreview ? undefined : mediaAddress(item.id)} controls autoplay playsinline
    aria-label=${t('player.of', { name: item.name })} onError=${isPreview ? undefined : onError}
    onLoadedMetadata=${isPreview ? undefined : onLoadedMetadata} onVolumeChange=${keepVolume} onRateChange=${keepSpeed}>
    ${captions.chosen !== null && html`<${Captions} key=${captions.chosen} ...${captions} />`}</video>`;
}

/** What somebody sets in the browser's own controls is remembered too. */
const keepVolume = ({ currentTarget: { volume, muted } }) => {
  settings.volume.value = volume;
  settings.isMuted.value = muted;
};

const keepSpeed = ({ currentTarget: { playbackRate } }) => {
  if (settings.SPEEDS.includes(playbackRate)) settings.speed.value = playbackRate;
};

const keysOf = (film) =>
  keysFor({
    turn: () => turn(film.current),
    back: () => seekBy(film.current, -STEP_SECONDS),
    forward: () => seekBy(film.current, STEP_SECONDS),
    mute: settings.turnMute,
    fullScreen: () => turnFullScreen(film.current),
  });

const FilmActions = ({ film }) => html`
  <${Speed} />
  ${document.pictureInPictureEnabled && html`
    <${IconButton} icon="pip" label=${t('player.pip')} onClick=${() => turnPictureInPicture(film.current)} />`}
  <${IconButton} icon="fullscreen" label=${t('player.fullscreen')} onClick=${() => turnFullScreen(film.current)} />`;

// Each may be refused (before the film's size is known, or by the person's settings): then all stays as it is.
const turnPictureInPicture = (film) =>
  (document.pictureInPictureElement ? document.exitPictureInPicture() : film.requestPictureInPicture()).catch(() => {});

function turnFullScreen(film) {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (film.requestFullscreen) return film.requestFullscreen().catch(() => {});
  return film.webkitEnterFullscreen(); // the iPhone, where only films know it, and by this name
}
