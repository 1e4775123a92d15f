// What the address of the log-in page says behind its `#`, and where to go from there.

const PAGES = ['player.html', 'dashboard.html', 'settings.html', 'users.html'];
const HOME = 'player.html';

/**
 * `{invitation, next, problem}`, where given. It is gone from the address bar then: an invitation is good for whoever
 * reads it there. The page's own history has it still, so that it may be loaded again.
 */
export function takeArrival() {
  const said = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const arrival = location.hash.length > 1 ? said : (history.state ?? {});
  const { invitation, next } = arrival;
  history.replaceState({ ...(invitation && { invitation }), ...(next && { next }) }, '', location.pathname);
  return arrival;
}

/** What was asked for before the log-in: a page of ours, never an address that somebody wrote into a link. */
export const pageAfter = (next) => (PAGES.includes(next) ? next : HOME);

export function leaveFor(next) {
  history.replaceState(null, ''); // the invitation is used
  location.replace(pageAfter(next));
}
