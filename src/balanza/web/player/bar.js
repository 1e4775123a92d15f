// The bar at the bottom while a song plays: what, how far, and the buttons for it.
import { useLayoutEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { derived } from '../derived.js';
import { clock, decimal } from '../format.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { IconButton } from '../parts.js';
import * as store from '../store.js';
import { Waveform } from '../waveform.js';
import { songs } from './playlist.js';
import { HowFar } from './preview.js';
import * as settings from './settings.js';
import * as sound from './sound.js';
import { keysFor, seekBy, seekTo, STEP_SECONDS } from './steer.js';
import { Unplayable } from './unplayable.js';

const element = () => sound.deck.element.value;

const onKeyDown = keysFor({
  turn: sound.turnSound,
  back: () => seekBy(element(), -STEP_SECONDS),
  forward: () => seekBy(element(), STEP_SECONDS),
  mute: settings.turnMute,
  next: sound.next,
  previous: sound.previous,
});

export function SoundBar({ item, onClose }) {
  const isAlone = songs.value.every((song) => song.id === item.id);
  const isPlaying = !sound.deck.isPaused.value && sound.failure.value === null;
  return html`
    <section class="player audio" aria-label=${t('player.title')} tabindex="-1" onKeyDown=${onKeyDown}>
      <${Sound} />
      <div class="transport">
        <${Control} icon="previous" label=${t('player.previous')} onClick=${sound.previous} />
        <${Control} icon=${isPlaying ? 'pause' : 'play'} label=${t(isPlaying ? 'player.pause' : 'player.play')} main
          disabled=${sound.isWaiting.value} onClick=${sound.turnSound} />
        <${Control} icon="next" label=${t('player.next')} onClick=${sound.next} disabled=${isAlone} />
      </div>
      <div class="way">${sound.failure.value === null
        ? html`<${Seek} item=${item} />`
        : html`<${Unplayable} item=${item} reason=${sound.failure.value} />`}</div>
      <div class="now"><p class="name" title=${item.name}>${item.name}</p><${Time} item=${item} /></div>
      <div class="order"><${Order} /><${Speed} /></div>
      <${Volume} />
      <${IconButton} icon="close" label=${t('player.close')} onClick=${onClose} />
      ${sound.preview.value !== null && html`<${HowFar} known=${sound.preview.value} />`}
    </section>`;
}

/** The place of the element in the page; which of the two it is changes from song to song. */
function Sound() {
  const place = useRef(null);
  const now = element();
  useLayoutEffect(() => place.current.replaceChildren(now), [now]);
  return html`<div ref=${place} hidden />`;
}

/** A button that does not go away; `pressed` makes it a switch. */
const Control = ({ icon, label, onClick, disabled = false, pressed, on = pressed, main = false }) => html`
  <button type="button" class=${`button quiet square ${main ? 'main' : ''} ${on ? 'on' : ''}`} aria-label=${label} title=${label}
    disabled=${disabled} aria-pressed=${pressed === undefined ? undefined : String(pressed)} onClick=${onClick}>
    <${Icon} name=${icon} /></button>`;

/** As the element says, and until it knows, as the library does; of a preview the element knows what is made of it. */
function lengthOf(item) {
  const [heard, known] = [sound.deck.length.value, store.mediaById.value.get(item.id)?.duration_seconds];
  return (sound.preview.value === null ? heard || known : known || heard) || 0;
}

const Time = ({ item }) => html`
  <p class="facts">${clock(Math.floor(sound.deck.time.value))} / ${clock(lengthOf(item))}</p>`;

/** While it is drawn it shows where it would go to; the sound follows when it is let go, so that nothing between is fetched. */
function Seek({ item }) {
  const [drawn, setDrawn] = useState(null);
  const length = lengthOf(item);
  const time = Math.min(drawn ?? sound.deck.time.value, length);
  const onChange = (event) => {
    setDrawn(null);
    seekTo(element(), Number(event.currentTarget.value));
  };
  const waveform = derived(item.id, 'waveform');
  const isDrawn = waveform.state.value === 'ready';
  return html`<div class=${`seek-box ${isDrawn ? 'drawn' : ''}`}>
    ${isDrawn && html`<${Waveform} peaks=${waveform.data} played=${length && time / length} />`}
    <input class="range seek" type="range" min="0" max=${length} step="any" value=${time} disabled=${length === 0}
      aria-label=${t('player.position')} aria-valuetext=${t('player.time', { time: clock(time), length: clock(length) })}
      onInput=${(event) => setDrawn(Number(event.currentTarget.value))} onChange=${onChange} /></div>`;
}

function Order() {
  const repeat = settings.repeat.value;
  const turnRepeat = () => {
    settings.repeat.value = settings.REPEATS[(settings.REPEATS.indexOf(repeat) + 1) % settings.REPEATS.length];
  };
  return html`
    <${Control} icon="shuffle" label=${t('player.shuffle')} pressed=${settings.isShuffled.value} onClick=${sound.turnShuffle} />
    <${Control} icon=${repeat === 'one' ? 'repeat_one' : 'repeat'} label=${t(`player.repeat_${repeat}`)}
      on=${repeat !== 'off'} onClick=${turnRepeat} />`;
}

const inWords = (speed) => `${decimal(speed, (String(speed).split('.')[1] ?? '').length)}×`;

export const Speed = () => html`
  <select class="select speed" aria-label=${t('player.speed')} title=${t('player.speed')} value=${settings.speed.value}
    onChange=${(event) => (settings.speed.value = Number(event.currentTarget.value))}>
    ${settings.SPEEDS.map((speed) => html`<option key=${speed} value=${speed}>${inWords(speed)}</option>`)}</select>`;

function Volume() {
  const isSilent = settings.isMuted.value || settings.volume.value === 0;
  const onInput = (event) => {
    settings.volume.value = Number(event.currentTarget.value);
    settings.isMuted.value = false;
  };
  return html`
    <div class=${`loudness ${isSilent ? 'silent' : ''}`}>
      <${Control} icon=${isSilent ? 'silent' : 'volume'} label=${t(settings.isMuted.value ? 'player.unmute' : 'player.mute')}
        onClick=${settings.turnMute} />
      <input class="range" type="range" min="0" max="1" step="0.05" value=${settings.isMuted.value ? 0 : settings.volume.value}
        aria-label=${t('player.volume')} onInput=${onInput} />
    </div>`;
}
