// A waveform, drawn as bars in the colours of the page: as many as there is room for.
import { useLayoutEffect, useRef } from './vendor/preact/hooks.js';
import { html } from './html.js';

const [BAR, GAP, LEAST] = [2, 1, 2]; // CSS pixels
const FORCED = matchMedia('(forced-colors: active)');
const SCHEMES = [matchMedia('(prefers-color-scheme: dark)'), FORCED];

/** `peaks`: a byte for each part. `played`: 0..1, what of it is drawn in the accent colour. It says nothing to screen readers. */
export function Waveform({ peaks, played = 0 }) {
  const canvas = useRef(null);
  const redraw = useRef(null);
  redraw.current = () => draw(canvas.current, peaks, played);
  useLayoutEffect(() => redraw.current());
  useLayoutEffect(() => {
    const again = () => redraw.current();
    const resized = new ResizeObserver(again);
    resized.observe(canvas.current);
    for (const scheme of SCHEMES) scheme.addEventListener('change', again);
    return () => {
      resized.disconnect();
      for (const scheme of SCHEMES) scheme.removeEventListener('change', again);
    };
  }, []);
  return html`<canvas ref=${canvas} class="waveform" aria-hidden="true" />`;
}

function draw(canvas, peaks, played) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const scale = devicePixelRatio;
  Object.assign(canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const accent = FORCED.matches ? 'Highlight' : style.getPropertyValue('--accent');
  const bars = Math.floor((width + GAP) / (BAR + GAP));
  const loudest = Math.max(1, peaks.reduce((most, peak) => Math.max(most, peak), 0));
  for (let bar = 0; bar < bars; bar += 1) {
    const length = Math.max(LEAST, (highest(peaks, bar / bars, (bar + 1) / bars) / loudest) * height);
    pen.fillStyle = (bar + 0.5) / bars < played ? accent : style.color;
    pen.fillRect(bar * (BAR + GAP), (height - length) / 2, BAR, length);
  }
}

/** Of the part from `start` to `end`, both 0..1; a short song may have fewer peaks than there are bars. */
function highest(peaks, start, end) {
  const from = Math.floor(start * peaks.length);
  const to = Math.max(from + 1, Math.floor(end * peaks.length));
  return peaks.subarray(from, to).reduce((most, peak) => Math.max(most, peak), 0);
}
