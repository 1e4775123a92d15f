// What buttons, keys and the media keys of the system do to an element that plays.
export const STEP_SECONDS = 5;

export function turn(element) {
  if (element.paused) element.play().catch(() => {}); // refused or broken: the element stays paused, which is shown
  else element.pause();
}

export function seekTo(element, seconds) {
  if (Number.isFinite(element.duration)) element.currentTime = Math.min(Math.max(0, seconds), element.duration);
}

export const seekBy = (element, seconds) => seekTo(element, element.currentTime + seconds);

const KEYS = {
  ' ': 'turn', k: 'turn', ArrowLeft: 'back', ArrowRight: 'forward', m: 'mute', n: 'next', p: 'previous', f: 'fullScreen',
};

/** What keeps which keys for itself. The film's own controls do the same with theirs. */
const KEEPERS = [
  ['input:not(.seek), select, textarea', () => true],
  ['button, a', (key) => key === ' '],
  ['video', (key) => key === ' ' || key.startsWith('Arrow')],
];

/** Listens for keys within the player; `actions` are functions by the names in KEYS. */
export const keysFor = (actions) => (event) => {
  const action = actions[KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key]];
  if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
  if (KEEPERS.some(([selector, keeps]) => event.target.matches(selector) && keeps(event.key))) return;
  event.preventDefault();
  action();
};
