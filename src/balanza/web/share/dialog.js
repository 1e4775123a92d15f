// The dialog that shares: makes a link to each file, and lists and revokes those that there are to one.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { listShares, revokeShare, shareMedia } from '../api.js';
import { Copied } from '../copied.js';
import { html } from '../html.js';
import { t, tn } from '../i18n.js';
import { Icon } from '../icons.js';
import { Dialog, ProblemText } from '../parts.js';
import * as store from '../store.js';
import { When } from './when.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TIMES = { minute: MINUTE, hour: HOUR, day: DAY, week: 7 * DAY, month: 30 * DAY };

const close = () => {
  store.dialog.value = null;
};

export const ShareDialog = ({ media }) =>
  media.length === 1 ? html`<${ShareOne} item=${media[0]} />` : html`<${ShareSeveral} items=${media} />`;

/** A link to each file, under the same terms. What was refused can be tried again; the others keep their links. */
function ShareSeveral({ items }) {
  const [created, setCreated] = useState(new Map());
  const [refused, setRefused] = useState([]);

  const create = async (terms) => {
    const made = new Map(created);
    const failed = [];
    for (const item of items.filter(({ id }) => !made.has(id))) {
      await told((problem) => problem && failed.push({ item, problem }), async () => {
        made.set(item.id, `${item.name}\n${addressOf((await shareMedia(item.id, terms)).url)}`);
      });
    }
    setCreated(made);
    setRefused(failed);
  };

  return html`
    <${Dialog} title=${t('share.title_several', { count: items.length })} onClose=${close}>
      ${created.size < items.length && html`<${Terms} count=${items.length - created.size} onCreate=${create} />`}
      <div role="alert">${refused.map(({ item, problem }) => html`
        <div key=${item.id}><p class="breakable">${item.name}</p><${ProblemText} problem=${problem} /></div>`)}</div>
      ${created.size > 0 && html`<${Copied} key=${created.size} label=${t('share.new_links')} rows=${Math.min(12, 2 * created.size)}
        value=${[...created.values()].join('\n')} hint=${tn('copy.once', created.size)} />`}
    <//>`;
}

function ShareOne({ item }) {
  const links = useLinks(item);
  const [created, setCreated] = useState(null);
  const [problem, setProblem] = useState(null);

  const create = async (terms) => {
    await told(setProblem, async () => {
      setCreated(await shareMedia(item.id, terms));
      await links.reload();
    });
  };

  return html`
    <${Dialog} title=${t('share.title', { name: item.name })} onClose=${close}>
      <${Terms} onCreate=${create} />
      <div role="alert">${problem && html`<${ProblemText} problem=${problem} />`}</div>
      ${created && html`<${Copied} key=${created.id} label=${t('share.link')} value=${addressOf(created.url)} hint=${t('copy.once.one')} />`}
      <${Links} ...${links} />
    <//>`;
}

/** Runs an action that may be refused; the refusal, or null, is told to `tell`. */
async function told(tell, action) {
  try {
    await action();
    tell(null);
  } catch (problem) {
    if (problem.slug === undefined) throw problem;
    tell(problem);
  }
}

function Terms({ count = 1, onCreate }) {
  const [isBusy, setBusy] = useState(false);
  const onSubmit = async (event) => {
    event.preventDefault();
    const { time, password, downloads } = event.currentTarget.elements;
    setBusy(true);
    await onCreate({
      expires_seconds: TIMES[time.value],
      password: password.value || null,
      most_downloads: downloads.value === '' ? null : Number(downloads.value),
    });
    setBusy(false);
  };
  return html`
    <form onSubmit=${onSubmit}>
      <label class="field"><span>${t('share.time')}</span>
        <select class="select" name="time" data-first>
          ${Object.keys(TIMES).map((time) => html`<option key=${time} value=${time} selected=${time === 'week'}>${t(`share.time_${time}`)}</option>`)}
        </select></label>
      <div class="share-extras">
        <label class="field"><span>${t('share.password_optional')}</span>
          <input class="input" name="password" type="text" maxlength="200" autocomplete="off" spellcheck=${false} /></label>
        <label class="field"><span>${t('share.downloads_optional')}</span>
          <input class="input" name="downloads" type="number" min="1" max="1000000" step="1" placeholder=${t('share.no_limit')} /></label>
      </div>
      <div class="dialog-actions">
        <button type="submit" class="button primary" disabled=${isBusy}><${Icon} name="share" />${tn('share.create', count)}</button>
      </div>
    </form>`;
}

/** The server does not know below which path of a proxy it is; the page does. */
const addressOf = (url) => new URL(url.slice(1), document.baseURI).href;

/** The links to the file, page by page, and what can be done with them. */
function useLinks(item) {
  const [page, setPage] = useState(null);
  const [problem, setProblem] = useState(null);
  const reload = () => told(setProblem, async () => setPage(await listShares(item.id)));
  const more = () => told(setProblem, async () => {
    const next = await listShares(item.id, page.next_cursor);
    setPage({ ...next, shares: [...page.shares, ...next.shares] });
  });
  const revoke = (id) => told(setProblem, async () => {
    await revokeShare(id);
    setPage({ ...page, shares: page.shares.map((share) => (share.id === id ? { ...share, state: 'revoked' } : share)) });
  });
  const { media, times } = store.shared.value;
  useEffect(() => {
    if (page === null || media === null || media === item.id) reload(); // at first, and when they were changed elsewhere
  }, [times]);
  return { page, problem, reload, more, revoke };
}

function Links({ page, problem, more, revoke }) {
  const title = useRef(null);
  const onRevoke = async (id) => {
    await revoke(id);
    title.current?.focus(); // the button that had the focus is gone
  };
  return html`
    <section class="share-links" aria-labelledby="share-links-title">
      <h3 id="share-links-title" tabindex="-1" ref=${title}>${t('share.links')}</h3>
      <div role="alert">${problem && html`<${ProblemText} problem=${problem} />`}</div>
      ${page?.shares.length === 0 && html`<p class="facts">${t('share.none')}</p>`}
      <ul>${page?.shares.map((share) => html`<${Link} key=${share.id} share=${share} onRevoke=${onRevoke} />`)}</ul>
      ${page?.next_cursor && html`<button type="button" class="button" onClick=${more}>${t('list.more')}</button>`}
    </section>`;
}

function Link({ share, onRevoke }) {
  const { id, state, expires_at, created_at, has_password } = share;
  return html`
    <li class=${`share-link ${state}`}>
      <div>
        <p>${t(`share.state_${state}`)}${state !== 'revoked' && html` <${When} at=${expires_at} short />`}</p>
        <p class="facts"><span>${downloadsOf(share)}</span>${has_password && html`<span>${t('share.has_password')}</span>`}
          <span>${t('share.made')} <${When} at=${created_at} short /></span></p>
      </div>
      ${state === 'open' && html`<button type="button" class="button quiet" onClick=${() => onRevoke(id)}>${t('share.revoke')}</button>`}
    </li>`;
}

const downloadsOf = ({ downloads, most_downloads }) =>
  most_downloads === null ? tn('share.downloads', downloads) : t('share.downloads_of', { count: downloads, most: most_downloads });
