// The server's HTTP interface for accounts.
import { call, post } from '../api.js';

const send = (method, path, body) =>
  call(path, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
const postForm = (path, values) => call(path, { method: 'POST', body: new URLSearchParams(values) });
const one = (path, id) => `${path}/${encodeURIComponent(id)}`;

export const getMe = () => call('auth/me');
export const lookAtInvitation = (token) => post('auth/invitation', { token });
/** The session comes as a cookie, which no script can read. */
export const logIn = (username, password) => postForm('auth/login', { username, password, cookie: true });
export const signUp = (username, password, invitation) =>
  postForm('auth/signup', { username, password, cookie: true, ...(invitation && { invitation }) });
export const logOut = (everywhere) => post(everywhere ? 'auth/logout?everywhere=true' : 'auth/logout');
export const changePassword = (current, fresh) => post('auth/password', { current, new: fresh });

/** One's own; `password` is needed by whoever has one. */
export const deleteMe = (password) => post('auth/delete', { password });

export const listTokens = () => call('auth/tokens');
export const makeToken = (terms) => post('auth/tokens', terms);
export const revokeToken = (id) => call(one('auth/tokens', id), { method: 'DELETE' });

export const listPeople = () => call('users');
export const changePerson = (id, changes) => send('PATCH', one('users', id), changes);
export const deletePerson = (id) => call(one('users', id), { method: 'DELETE' });
export const listInvitations = () => call('invitations');
export const invite = (role, hours) => post('invitations', { role, expires_hours: hours });
export const takeBack = (id) => call(one('invitations', id), { method: 'DELETE' });

/** `next` is the page to come back to. */
export function oidcAddress(invitation, next) {
  const said = new URLSearchParams({ ...(invitation && { invitation }), ...(next && { next }) });
  return said.size > 0 ? `auth/oidc/login?${said}` : 'auth/oidc/login';
}
