// What a shared link answers to whoever has it. Addresses are relative to its page, /s/<token>.
import { call, post, Problem, UNREACHABLE } from '../api.js';

const TOKEN = location.pathname.split('/').at(-1);

export const mediaAddress = `${TOKEN}/media`;
export const downloadAddress = `${TOKEN}/media?download=1`;

/** Sets the cookie that opens the file. */
export const unlock = (password) => post(`${TOKEN}/unlock`, { password });

/** What there is to see: `{view: 'file' | 'locked' | 'gone' | 'unreachable', …}`. */
export async function look() {
  try {
    const info = await call(`${TOKEN}/info`);
    return { view: info.needs_password ? 'locked' : 'file', ...info };
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { view: problem.status === 404 ? 'gone' : UNREACHABLE };
  }
}
