// Draws the lanes of the timeline on a canvas: only those in sight, so that two hundred cost as little as ten.
import { timeOfDay } from '../format.js';
import * as fleet from './fleet.js';

export const LANE = 24;
export const AXIS = 24;
const THICK = 14;
const LEAST = 3; // a job of a tenth of a second is seen, too
const WINDOW_MS = fleet.WINDOW_MINUTES * 60_000;
const MARK = 14;

const KIND_OF = {
  completed: 'completed', failed: 'failed', expired: 'failed', cancelled: 'cancelled', released: 'cancelled',
};

/** The width of the names at the left. */
const namesOf = (width) => (width < 600 ? 104 : 136);

function scaleOf(width) {
  const left = namesOf(width);
  const perMs = (width - left - 8) / WINDOW_MS;
  const from = fleet.now() - WINDOW_MS;
  return { left, xOf: (at) => left + Math.max(0, at - from) * perMs };
}

/** The bar under a point of the canvas, or null. A bar too thin to hit is found a few pixels beside it. */
export function barAt(ids, x, y, width, scrollTop) {
  const id = ids[Math.floor((y - AXIS + scrollTop) / LANE)];
  if (y < AXIS || id === undefined) return null;
  const { xOf } = scaleOf(width);
  const reach = (bar) => Math.max(xOf(bar.start) - x, x - Math.max(xOf(bar.end ?? fleet.now()), xOf(bar.start) + LEAST), 0);
  let best = null;
  for (const bar of fleet.lanes.value.get(id) ?? []) if (reach(bar) < 6 && (best === null || reach(bar) < reach(best))) best = bar;
  return best;
}

export function drawLanes(box, canvas, ids) {
  const width = box.clientWidth;
  const height = Math.min(box.clientHeight, AXIS + ids.length * LANE);
  const pen = sized(canvas, width, height);
  const colours = coloursOf(canvas);
  const scale = scaleOf(width);
  const first = Math.floor(box.scrollTop / LANE);
  const last = Math.min(ids.length - 1, Math.ceil((box.scrollTop + height) / LANE));
  const times = timesOf(width, scale);
  pen.fillStyle = colours.line;
  for (const { x } of times) pen.fillRect(x, AXIS, 1, height);
  for (let index = first; index <= last; index += 1) {
    drawLane(pen, ids[index], AXIS + index * LANE - box.scrollTop, { width, scale, colours });
  }
  drawAxis(pen, times, { width, colours });
}

/** A canvas of so many CSS pixels, empty. */
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio;
  const wanted = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wanted[0] || canvas.height !== wanted[1]) {
    [canvas.width, canvas.height] = wanted;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `13px ${getComputedStyle(canvas).fontFamily}`;
  pen.textBaseline = 'middle';
  return pen;
}

const NAMES = ['surface', 'sunken', 'line', 'text', 'muted', 'processing', 'completed', 'failed', 'cancelled'];

function coloursOf(canvas) {
  const style = getComputedStyle(canvas);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

function drawLane(pen, id, top, { width, scale, colours }) {
  pen.fillStyle = colours.line;
  pen.fillRect(0, top + LANE - 1, width, 1);
  pen.save();
  pen.beginPath();
  pen.rect(0, top, scale.left - 8, LANE);
  pen.clip();
  pen.fillStyle = colours.text;
  pen.textAlign = 'left';
  pen.fillText(id, 16, top + LANE / 2);
  pen.restore();
  for (const bar of fleet.lanes.value.get(id) ?? []) drawBar(pen, bar, top, { scale, colours });
}

function drawBar(pen, bar, top, { scale, colours }) {
  const kind = KIND_OF[bar.outcome] ?? 'processing';
  const x = scale.xOf(bar.start);
  const long = Math.max(LEAST, scale.xOf(bar.end ?? fleet.now()) - x - 1);
  const y = top + (LANE - THICK) / 2;
  pen.fillStyle = colours[kind];
  // What failed stands out by its height as well as by its colour, what was cancelled is hollow.
  if (kind === 'cancelled') {
    pen.strokeStyle = colours[kind];
    pen.strokeRect(x + 0.5, y + 0.5, long - 1, THICK - 1);
  } else if (kind === 'failed') pen.fillRect(x, top + 2, long, LANE - 5);
  else pen.fillRect(x, y, long, THICK);
  const marks = `${bar.moved ? '⇄' : ''}${bar.number > 1 ? '↻' : ''}`;
  if (marks === '') return;
  pen.fillStyle = long >= MARK * marks.length && kind !== 'cancelled' ? colours.surface : colours.text;
  pen.textAlign = 'left';
  pen.fillText(marks, long >= MARK * marks.length ? x + 2 : x + long + 1, top + LANE / 2);
}

/** The whole minutes that are named, and where they lie. */
function timesOf(width, { left, xOf }) {
  const step = (width < 600 ? 5 : 3) * 60_000;
  const now = fleet.now();
  const times = [];
  for (let at = Math.ceil((now - WINDOW_MS) / step) * step; at <= now; at += step) times.push({ at, x: Math.round(xOf(at)) });
  return times.filter(({ x }) => x >= left);
}

/** Over the lanes: they scroll below it. */
function drawAxis(pen, times, { width, colours }) {
  pen.fillStyle = colours.surface;
  pen.fillRect(0, 0, width, AXIS);
  pen.fillStyle = colours.line;
  pen.fillRect(0, AXIS - 1, width, 1);
  pen.fillStyle = colours.muted;
  for (const { at, x } of times) {
    pen.textAlign = x > width - 24 ? 'right' : 'center';
    pen.fillText(timeOfDay(at, false), x, AXIS / 2 - 1);
  }
}
