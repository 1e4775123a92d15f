// Numbers as a person reads them, in the language of the page.
import { language, t } from './i18n.js';

const NBSP = '\u00a0'; // a number and its unit stay together
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

const made = new Map();

/** To make one takes as long as to use it a hundred times, and the dashboard shows thousands of numbers. */
function formatter(Kind, options) {
  const key = `${Kind.name} ${language.value} ${JSON.stringify(options)}`;
  if (!made.has(key)) made.set(key, new Kind(language.value, options));
  return made.get(key);
}

const number = (value, digits) =>
  formatter(Intl.NumberFormat, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

export function bytes(size) {
  let value = size;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit === 0 || value >= 99.95 ? 0 : 1)}${NBSP}${UNITS[unit]}`;
}

const two = (value) => String(value).padStart(2, '0');

/** A length as players show it: `3:05`, `1:02:03`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** How long something takes: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 05 min`. */
export function span(seconds, tenths = 1) {
  if (seconds < 9.95) return `${number(seconds, tenths)}${NBSP}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${NBSP}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${NBSP}min ${two(whole % 60)}${NBSP}s`;
  return `${Math.floor(whole / 3600)}${NBSP}h ${two(Math.floor(whole / 60) % 60)}${NBSP}min`;
}

/** A time to come, only as exact as it can be foreseen: `20 s`, `4 min`, `1 h 05 min`. */
export function roughly(seconds) {
  if (seconds < 55) return `${Math.max(10, 10 * Math.round(seconds / 10))}${NBSP}s`;
  const minutes = Math.max(1, Math.round(seconds / 60));
  return minutes < 60 ? `${minutes}${NBSP}min` : `${Math.floor(minutes / 60)}${NBSP}h ${two(minutes % 60)}${NBSP}min`;
}

/** Time left, without tenths: they would only flicker. */
export const left = (seconds) => t('time.left', { time: span(Math.max(1, seconds), 0) });

export const percent = (hundredths) =>
  formatter(Intl.NumberFormat, { style: 'percent', maximumFractionDigits: 0 }).format(hundredths / 100);

export const speed = (times) => `${number(times, times < 9.95 ? 1 : 0)}×`;

/** `smaller by 40 %`; nothing for a change of less than one per cent. */
export function change(reduction) {
  if (reduction === null || Math.abs(reduction) < 1) return null;
  return t(reduction > 0 ? 'size.smaller' : 'size.larger', { percent: percent(Math.abs(reduction)) });
}

export const decimal = (value, digits = 0) => number(value, digits);

/** The time of day as a clock on the wall shows it; with the date when it is another day. */
export function timeOfDay(at, seconds = true) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const form = { hourCycle: 'h23', hour: '2-digit', minute: '2-digit', ...(seconds && { second: '2-digit' }) };
  return formatter(Intl.DateTimeFormat, isToday ? form : { day: 'numeric', month: 'short', ...form }).format(date);
}

const CODECS = {
  ac3: 'AC-3', av1: 'AV1', eac3: 'E-AC-3', h264: 'H.264', hevc: 'HEVC', mjpeg: 'Motion JPEG', mpeg1video: 'MPEG-1', mpeg2video: 'MPEG-2',
  mpeg4: 'MPEG-4', opus: 'Opus', theora: 'Theora', truehd: 'TrueHD', vorbis: 'Vorbis', wmapro: 'WMA', wmav1: 'WMA', wmav2: 'WMA',
};

/** A codec by the name that people know it by: `H.264`, `FLAC`, `PCM`. */
export const codec = (name) => CODECS[name] ?? name.replace(/^(pcm|adpcm)_.*/, '$1').toUpperCase();
