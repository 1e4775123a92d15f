// Parts of a page that come when they are first used, so that the page itself is there sooner.
import { useEffect, useState } from './vendor/preact/hooks.js';
import { signal } from './vendor/signals/signals.js';
import { html } from './html.js';
import { t } from './i18n.js';
import { notify } from './store.js';

const A_WHILE_MS = 400;
const AGAIN_MS = 5000;

export const sayMissing = () => notify('error', t('part.missing'));

/**
 * A component that is loaded with its first use: `load` answers the promise of its module, and of what that needs besides;
 * `name` is its export there. When it cannot be loaded a message says so, and the property `onMissing` is called; without
 * one nobody asked for it, and it is tried again. `warm` loads it before, when it is about to be used.
 */
export function lazy(load, name) {
  const part = signal(null);
  let loading = null;
  const bring = () => {
    loading ??= Promise.all(load()).then(([module]) => {
      part.value = module[name];
    }).finally(() => {
      loading = null;
    });
    return loading;
  };
  const Lazy = ({ onMissing, ...properties }) => part.value === null
    ? html`<${Coming} bring=${bring} onMissing=${onMissing} />`
    : html`<${part.value} ...${properties} />`;
  Lazy.warm = () => part.value === null && bring().catch(() => {}); // its use asks again, and says what is wrong
  return Lazy;
}

function Coming({ bring, onMissing }) {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    let timer = onMissing && setTimeout(() => setLong(true), A_WHILE_MS);
    const ask = () => bring().catch(() => {
      if (onMissing === undefined) timer = setTimeout(ask, AGAIN_MS);
      else {
        sayMissing();
        onMissing();
      }
    });
    ask();
    return () => clearTimeout(timer);
  }, []);
  return isLong && html`<p class="coming" role="status">${t('part.coming')}</p>`;
}
