// The page of a shared link: one file to play and to download, for whoever has the link. It asks for nothing else.
import { render } from '../vendor/preact/preact.js';
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { effect, signal } from '../vendor/signals/signals.js';
import { bytes, clock } from '../format.js';
import { html } from '../html.js';
import { language, learn, t } from '../i18n.js';
import { Icon } from '../icons.js';
import { titleOf } from '../parts.js';
import { downloadAddress, look, mediaAddress, unlock } from './link.js';
import { When } from './when.js';

/** What `look` answered last; null before the first answer. */
const shown = signal(null);

const refresh = async () => {
  shown.value = await look();
};

const VIEWS = { file: SharedFile, locked: Locked, gone: Gone, unreachable: Unreachable };

function Page() {
  const now = shown.value;
  const before = useRef(null);
  useEffect(() => {
    // What had the focus is gone with the view before. The form takes it by itself.
    if (before.current !== null && now.view !== 'locked') document.querySelector('h1').focus();
    before.current = now?.view ?? null;
  }, [now?.view]);
  return html`
    <main class="shared" aria-busy=${now === null ? 'true' : 'false'}>
      <p class="shared-brand"><${Icon} name="balance" />Balanza</p>
      ${now && html`<section class="shared-card"><${VIEWS[now.view]} ...${now} /></section>`}
    </main>`;
}

function SharedFile(file) {
  const { name, kind, size_bytes, duration_seconds, expires_at } = file;
  const facts = [t(`kind.${kind}`), duration_seconds === null ? null : clock(duration_seconds), bytes(size_bytes)];
  return html`
    <h1 class="shared-name" tabindex="-1">${name}</h1>
    <p class="facts">${facts.filter(Boolean).map((fact) => html`<span key=${fact}>${fact}</span>`)}</p>
    <${Stage} ...${file} />
    <${Download} ...${file} />
    <${Until} at=${expires_at} />`;
}

const Until = ({ at }) => html`<p class="facts shared-until">${t('share.until')} <${When} at=${at} /></p>`;

function Stage({ name, kind, mime_type }) {
  const [isUnplayable, setUnplayable] = useState(false);
  if (isUnplayable) return html`<p class="shared-note" role="status">${t('share.unplayable')}</p>`;
  // Meanwhile the link may have ended, or the server have been restarted: then another view takes the place of this one.
  const onError = async () => {
    await refresh();
    setUnplayable(true);
  };
  const label = t('player.of', { name });
  if (mime_type.startsWith('image/')) return html`<img class="shared-stage" src=${mediaAddress} alt=${name} onError=${onError} />`;
  if (kind === 'audio') return html`<audio class="shared-sound" src=${mediaAddress} controls preload="metadata" aria-label=${label} onError=${onError} />`;
  return html`<video class="shared-stage" src=${mediaAddress} controls playsinline preload="metadata" aria-label=${label} onError=${onError} />`;
}

function Download({ can_download, size_bytes }) {
  if (!can_download) return html`<p class="shared-note" role="status">${t('share.used_up')}</p>`;
  // Asked again at each press, so that a sentence answers one that is no longer allowed, and not a broken download.
  const onClick = async (event) => {
    event.preventDefault();
    await refresh();
    if (shown.value.can_download) location.assign(downloadAddress);
  };
  return html`
    <a class="button primary shared-download" href=${downloadAddress} download="" onClick=${onClick}>
      <${Icon} name="download" />${t('share.download', { size: bytes(size_bytes) })}</a>`;
}

function Locked({ expires_at }) {
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const input = useRef(null);
  useEffect(() => input.current.focus(), []);
  const onSubmit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await unlock(input.current.value);
      await refresh();
    } catch (failure) {
      if (failure.slug === undefined) throw failure;
      if (failure.status === 404) await refresh();
      else setProblem(failure);
    } finally {
      setBusy(false);
      input.current?.select();
    }
  };
  return html`
    <h1 class="shared-title" tabindex="-1">${t('share.locked')}</h1>
    <form class="shared-form" onSubmit=${onSubmit}>
      <label class="field"><span>${t('share.password')}</span>
        <input ref=${input} class="input" type="password" required maxlength="200" autocomplete="off" /></label>
      <div role="alert">${problem && html`<p class="problem">${titleOf(problem)}</p>`}</div>
      <button type="submit" class="button primary" disabled=${isBusy}>${t('share.unlock')}</button>
    </form>
    <${Until} at=${expires_at} />`;
}

function Gone() {
  return html`
    <h1 class="shared-title" tabindex="-1">${t('share.gone')}</h1>
    <p>${t('share.gone_hint')}</p>`;
}

function Unreachable() {
  return html`
    <h1 class="shared-title" tabindex="-1">${t('share.unreachable')}</h1>
    <button type="button" class="button shared-again" onClick=${refresh}><${Icon} name="retry" />${t('action.retry')}</button>`;
}

await learn('share');
effect(() => {
  document.documentElement.lang = language.value;
  document.title = shown.value?.name ? `${shown.value.name} · Balanza` : 'Balanza';
});
refresh();
render(html`<${Page} />`, document.getElementById('app'));
