// What a file of the library is known by at a glance: a picture of a film, the waveform of a song. Its icon until then.
import { useRef } from './vendor/preact/hooks.js';
import { derived, derivedAddress, useSeen } from './derived.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { Waveform } from './waveform.js';

export function Face({ item, isPlaying }) {
  const box = useRef(null);
  const isSeen = useSeen(box);
  return html`
    <span ref=${box} class="kind">${isSeen
      ? html`<${Made} item=${item} isPlaying=${isPlaying} />`
      : html`<${Icon} name=${item.kind} />`}</span>`;
}

function Made({ item: { id, kind }, isPlaying }) {
  const made = derived(id, kind === 'video' ? 'thumbnail' : 'waveform');
  if (made.state.value !== 'ready') return html`<${Icon} name=${kind} />`;
  if (kind === 'video') return html`<img src=${derivedAddress(id, 'thumbnail')} alt="" width="64" height="40" decoding="async" />`;
  return html`<${Waveform} peaks=${made.data} played=${isPlaying ? 1 : 0} />`;
}
