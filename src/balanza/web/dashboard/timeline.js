// The timeline: one lane per worker, one bar per attempt. A canvas draws the lanes in sight; a table says the same in words.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { effect } from '../vendor/signals/signals.js';
import { span, timeOfDay } from '../format.js';
import { html } from '../html.js';
import { language, t } from '../i18n.js';
import * as fleet from './fleet.js';
import { AXIS, barAt, drawLanes, LANE } from './lanes.js';

const TICK_MS = 1000; // a bar grows by a pixel a second or so
const KINDS = ['processing', 'completed', 'failed', 'cancelled'];

export function Timeline() {
  const ids = fleet.ids.value;
  return html`
    <section class="panel" id="timeline" aria-labelledby="timeline-title">
      <header class="panel-head"><h2 id="timeline-title">${t('timeline.title', { minutes: fleet.WINDOW_MINUTES })}</h2>
        <ul class="legend">
          ${KINDS.map((kind) => html`<li key=${kind}><span class=${`swatch ${kind}`}></span>${t(`timeline.${kind}`)}</li>`)}
          <li>⇄ ${t('timeline.moved')}</li><li>↻ ${t('timeline.retried')}</li>
        </ul></header>
      ${ids.length > 0
        ? html`<${Lanes} ids=${ids} /><${Words} ids=${ids} />`
        : html`<p class="facts none">${t('timeline.empty')}</p>`}
    </section>`;
}

function Lanes({ ids }) {
  const [detail, setDetail] = useState(null);
  const box = useRef(null);
  const canvas = useRef(null);
  const order = useRef(ids);
  order.current = ids;
  useEffect(() => keepDrawn(box.current, canvas.current, order), []);
  const onPointer = (event) => {
    const area = canvas.current.getBoundingClientRect();
    const { scrollTop } = box.current;
    setDetail(barAt(order.current, event.clientX - area.left, event.clientY - area.top, area.width, scrollTop));
  };
  const height = AXIS + ids.length * LANE;
  return html`
    <div class="lanes" ref=${box} tabindex="0" role="group" aria-label=${t('timeline.scroll')}
      onPointerMove=${onPointer} onPointerDown=${onPointer} onPointerLeave=${() => setDetail(null)}>
      <div class="lanes-size" style=${{ height: `${height}px` }}>
        <canvas ref=${canvas} role="img" aria-label=${t('timeline.picture')}></canvas></div>
    </div>
    <p class="facts lane-detail">${detail ? factsOf(detail).map((fact, index) => html`<span key=${index}>${fact}</span>`) : t(fleet.isBare.value ? 'timeline.empty' : 'timeline.point')}</p>`;
}

/** Draws at most once a frame: when something changed, when it is scrolled or sized, and every second. */
function keepDrawn(box, canvas, order) {
  let frame = null;
  let isSeen = true;
  const draw = () => {
    frame = null;
    if (isSeen && !document.hidden) drawLanes(box, canvas, order.current);
  };
  const soon = () => {
    frame ??= requestAnimationFrame(draw);
  };
  const seen = new IntersectionObserver(([entry]) => {
    isSeen = entry.isIntersecting;
    soon();
  });
  const sized = new ResizeObserver(soon);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const stop = effect(() => {
    void [fleet.lanes.value, fleet.ids.value, language.value];
    soon();
  });
  const ticking = setInterval(soon, TICK_MS);
  seen.observe(box);
  sized.observe(box);
  box.addEventListener('scroll', soon);
  scheme.addEventListener('change', soon);
  return () => {
    cancelAnimationFrame(frame);
    clearInterval(ticking);
    seen.disconnect();
    sized.disconnect();
    scheme.removeEventListener('change', soon);
    stop();
  };
}

function factsOf(bar) {
  const took = ((bar.end ?? fleet.now()) - bar.start) / 1000;
  return [
    bar.worker_id,
    fleet.titleOf(bar),
    t(`outcome.${bar.outcome ?? 'running'}`),
    timeOfDay(bar.start),
    span(Math.max(0, took)),
    bar.moved ? t('timeline.moved') : null,
    bar.number > 1 ? t('timeline.nth', { number: bar.number }) : null,
  ].filter(Boolean);
}

/** Made when it is asked for: for those who cannot see the picture, or want the numbers. */
function Words({ ids }) {
  const [isOpen, setOpen] = useState(false);
  return html`
    <details class="words" onToggle=${(event) => setOpen(event.target.open)}>
      <summary>${t('timeline.words')}</summary>
      ${isOpen && html`<div class="table-box" tabindex="0" role="group" aria-label=${t('timeline.words')}><table>
        <thead><tr><th scope="col">${t('timeline.worker')}</th>${COLUMNS.map(([key]) => html`<th key=${key} scope="col">${t(`timeline.${key}`)}</th>`)}</tr></thead>
        <tbody>${ids.map((id) => html`<${Row} key=${id} id=${id} />`)}</tbody></table></div>`}
    </details>`;
}

const COLUMNS = [
  ['processing', (bar) => bar.outcome === null],
  ['completed', (bar) => bar.outcome === 'completed'],
  ['failed', (bar) => bar.outcome === 'failed' || bar.outcome === 'expired'],
  ['cancelled', (bar) => bar.outcome === 'cancelled' || bar.outcome === 'released'],
  ['moved', (bar) => bar.moved],
  ['retried', (bar) => bar.number > 1],
];

function Row({ id }) {
  const lane = fleet.lanes.value.get(id) ?? [];
  return html`<tr><th scope="row">${id}</th>${COLUMNS.map(([key, is]) => html`<td key=${key}>${lane.filter(is).length}</td>`)}</tr>`;
}
