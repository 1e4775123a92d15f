// The charts of the last hour: each worker's load, what waits, what was completed.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { signal } from '../vendor/signals/signals.js';
import { bytes, decimal, percent, timeOfDay } from '../format.js';
import { html } from '../html.js';
import { language, t } from '../i18n.js';
import * as fleet from './fleet.js';
import { showMeasure } from './live.js';
import { busiest, meanOf, rates } from './series.js';

const HEIGHT = 200;
const LINES = 8;
const MARGIN = '200px';
const LEAST_SECONDS = 300; // in less the axis would name the same minute twice
const WHOLE = [1, 10, 100, 1000].flatMap((size) => [size, 2 * size, 5 * size]); // the steps of an axis that counts

const MEASURES = {
  cpu_load: { format: (value) => percent(100 * value), top: 1 },
  memory_mb: { format: (value) => bytes(value * 1e6), top: null },
  running_jobs: { format: decimal, top: null },
  assigned_jobs: { format: decimal, top: null },
};

/** The library that draws: it comes when there is something to draw and somebody to see it. */
const uPlot = signal(null);

const load = () => Promise.all([import('../vendor/uplot/uplot.js'), styled()]).then(
  ([module]) => {
    uPlot.value = module.default;
  },
  () => {}, // asked for again with the next points
);

/** Its style sheet: without it the plots would lie in the wrong place. */
const styled = () => new Promise((done, fail) => {
  const sheet = document.createElement('link');
  const onerror = () => {
    sheet.remove();
    fail();
  };
  const href = new URL('../vendor/uplot/uplot.css', import.meta.url);
  document.head.append(Object.assign(sheet, { rel: 'stylesheet', href, onload: done, onerror }));
});

export function Charts() {
  const history = fleet.history.value;
  const panel = useRef(null);
  const isNear = useNear(panel);
  useEffect(() => {
    if (isNear && history !== null && uPlot.value === null) load();
  }, [isNear, history]);
  return html`
    <section class="panel" id="charts" ref=${panel} aria-labelledby="charts-title">
      <header class="panel-head"><h2 id="charts-title">${t('charts.title')}</h2></header>
      ${history !== null && history.at.length < 2
        ? html`<p class="facts none">${t('charts.empty')}</p>`
        : history !== null && html`<div class="charts">
            <${LoadChart} history=${history} />
            <${Chart} title=${t('charts.queue')} at=${history.at} format=${decimal} lines=${[
              { name: t('charts.pending'), colour: '--pending', values: history.pending },
              { name: t('charts.processing'), colour: '--processing', values: history.processing, dash: [6, 3] },
            ]} />
            <${Chart} title=${t('charts.throughput')} at=${history.at} format=${(value) => decimal(value, 1)} lines=${[
              { name: t('charts.completed'), colour: '--completed', values: rates(history.at, history.completed) },
              { name: t('charts.failed'), colour: '--failed', values: rates(history.at, history.failed), dash: [6, 3] },
            ]} />
          </div>`}
    </section>`;
}

/** Whether the element has been in sight, or nearly: what draws comes then, the words are there before. */
function useNear(ref) {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const observer = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && setNear(true), { rootMargin: MARGIN });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return isNear;
}

/** Of a large fleet the busiest workers and the mean of all: two hundred lines say nothing. */
function LoadChart({ history }) {
  const { format, top } = MEASURES[history.measure];
  const shown = busiest(history.workers, LINES);
  const lines = shown.map((worker, index) => ({
    name: worker.worker_id, colour: `--line-${index % LINES}`, values: worker.values, dash: index >= 4 ? [6, 3] : [],
  }));
  if (history.workers.length > LINES) {
    lines.unshift({ name: t('charts.mean', { count: history.workers.length }), colour: '--text', values: meanOf(history), width: 3 });
  }
  const choice = html`
    <select class="select" aria-label=${t('charts.measure')} value=${fleet.measure.value}
      onChange=${(event) => showMeasure(event.target.value)}>
      ${Object.keys(MEASURES).map((name) => html`<option key=${name} value=${name}>${t(`measure.${name}`)}</option>`)}
    </select>`;
  return html`<${Chart} title=${t(`measure.${history.measure}`)} at=${history.at} format=${format} top=${top} lines=${lines} choice=${choice} />`;
}

function Chart({ title, at, lines, format, top = null, choice = null }) {
  const box = useRef(null);
  const latest = useRef(null);
  latest.current = { at, lines, format, top };
  const shape = [language.value, title, ...lines.map((line) => line.name)].join('|');
  useEffect(() => (uPlot.value === null ? undefined : keepPlotted(box.current, latest)), [shape, uPlot.value]);
  useEffect(() => box.current.plot?.(), [at, lines]);
  const words = lines.map((line) => `${line.name} ${lastOf(line, format)}`).join(', ');
  return html`
    <figure class="chart">
      <figcaption>${choice ?? html`<h3>${title}</h3>`}</figcaption>
      <div class="plot" ref=${box} role="img" aria-label=${t('charts.words', { title, words })}></div>
      <ul class="legend">${lines.map((line) => html`
        <li key=${line.name}><span class=${`stroke ${line.colour.slice(2)} ${line.dash?.length ? 'dashed' : ''}`}></span>
          ${line.name} <strong>${lastOf(line, format)}</strong></li>`)}</ul>
    </figure>`;
}

function lastOf({ values }, format) {
  const value = values.at(-1) ?? null;
  return value === null ? '–' : format(value);
}

/** A plot of `latest`, drawn anew when the box or the colours change; `box.plot()` draws what is new. */
function keepPlotted(box, latest) {
  let plot = null;
  const dataOf = ({ at, lines }) => [at, ...lines.map((line) => line.values)];
  const make = () => {
    plot?.destroy();
    plot = new uPlot.value(optionsOf(box, latest.current), dataOf(latest.current), box);
  };
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  const sized = new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: HEIGHT }));
  make();
  box.plot = () => plot.setData(dataOf(latest.current));
  sized.observe(box);
  scheme.addEventListener('change', make);
  return () => {
    sized.disconnect();
    scheme.removeEventListener('change', make);
    box.plot = null;
    plot.destroy();
  };
}

function optionsOf(box, { lines, format, top }) {
  const style = getComputedStyle(box);
  const colour = (name) => style.getPropertyValue(name);
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, font: `12px ${style.fontFamily}` };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - LEAST_SECONDS), last] },
      y: { range: (_, __, most) => [0, top ?? Math.max(1, most * 1.1)] },
    },
    axes: [
      { ...axis, size: 28, space: 72, values: (_, ticks) => ticks.map((tick) => timeOfDay(tick * 1000, false)) },
      { ...axis, size: 64, space: 40, values: (_, ticks) => ticks.map((tick) => format(tick)), ...(format === decimal && { incrs: WHOLE }) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        stroke: colour(line.colour), width: line.width ?? 1.5, dash: line.dash ?? [], points: { show: false },
      })),
    ],
  };
}
