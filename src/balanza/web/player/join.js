// Where one song ends and the next begins: that one is started a little before, so that it is heard when the other ends.
//
// From the order to the first sound the browser takes a moment, and the end of a song is told some time after its last
// sound: in Chromium together a tenth of a second, which was heard as a gap. The moment is measured at each join and
// allowed for at the next. Where the page is woken too late (nobody looks at it), the end itself starts the next song.
// Measured there: 110 ms before, -6 to 24 ms with this; sound goes out in pieces of 23 ms. Browsers join files sample by
// sample only through Web Audio (which decodes whole files into memory, and is silenced on a locked phone) or Media Source
// Extensions (which know neither FLAC nor WAV everywhere).

const FIRST_LEAD_MS = 80; // in Chromium, until it is measured
const MOST_LEAD_MS = 250;
const SOON_MS = 700; // beyond that the element tells of itself again
const COARSE_MS = 30; // timers that wait for longer are corrected so long before
const HEARD_SECONDS = 0.1; // from here on an element tells well when its sound began
const READY = 4; // HAVE_ENOUGH_DATA

export function makeJoin() {
  let lead = FIRST_LEAD_MS;
  let timer = null;
  let begun = null; // `{element, at}`: started, while the other one still plays
  let heard = null; // the same, once it is the one that plays

  /** Starts `then` in time, unless `now` pauses or is moved meanwhile. */
  function plan(now, then) {
    clearTimeout(timer);
    if (begun !== null || now.paused || now.seeking || now.ended) return;
    const wait = (1000 * (now.duration - now.currentTime)) / now.playbackRate - lead;
    if (wait > SOON_MS) return;
    if (wait > 1) timer = setTimeout(plan, wait > 2 * COARSE_MS ? wait - COARSE_MS : wait, now, then);
    else begin(then);
  }

  function begin(element) {
    begun = { element, at: performance.now(), isFair: element.readyState === READY };
    element.play().catch(() => {}); // refused or broken: its turn comes all the same, and tells
  }

  /** What was started too early goes back to its beginning. */
  function cancel() {
    clearTimeout(timer);
    if (begun !== null) {
      begun.element.pause();
      begun.element.currentTime = 0;
    }
    [begun, heard] = [null, null];
  }

  /** It is the turn of the next one. */
  function finish() {
    clearTimeout(timer);
    [begun, heard] = [null, begun];
  }

  /** How long the one that plays took to be heard. */
  function learn({ currentTime, playbackRate }) {
    if (heard === null || currentTime < HEARD_SECONDS) return;
    const took = performance.now() - heard.at - (1000 * currentTime) / playbackRate;
    if (heard.isFair) lead = Math.min(MOST_LEAD_MS, Math.max(0, (lead + took) / 2));
    heard = null;
  }

  return { plan, cancel, finish, learn, isBegun: () => begun !== null };
}
