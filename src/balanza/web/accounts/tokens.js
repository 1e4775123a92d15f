// The API tokens: a program that shows one is who made it, as far as its scope allows.
import { useState } from '../vendor/preact/hooks.js';
import { Copied } from '../copied.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { ProblemText } from '../parts.js';
import { listTokens, makeToken, revokeToken } from './api.js';
import { useAnswer } from './answer.js';
import { Day } from './day.js';
import { Refusal, useSending } from './enter.js';
import { isAdmin } from './me.js';
import { Panel } from './panel.js';
import { useQuestion } from './question.js';

const DAYS = [7, 30, 90, 365, null];
const USUAL_DAYS = 90;

export function Tokens() {
  const { answer, problem, reload } = useAnswer(listTokens);
  const [fresh, setFresh] = useState(null);
  const [question, ask] = useQuestion();
  const create = async (terms) => {
    setFresh(await makeToken(terms));
    await reload();
  };
  const onRevoke = ({ id, name }) =>
    ask({
      title: t('token.revoke_title', { name }),
      text: t('token.revoke_text'),
      yes: t('token.revoke'),
      otherwise: 'tokens-title',
      act: async () => {
        await revokeToken(id);
        if (fresh?.id === id) setFresh(null);
        await reload();
      },
    });
  return html`
    <${Panel} id="tokens" title=${t('token.title')}>
      <p>${t('token.hint')}</p>
      <${Terms} onCreate=${create} />
      ${fresh && html`<${Copied} key=${fresh.id} label=${t('token.new', { name: fresh.name })} value=${fresh.token} hint=${t('copy.once.one')} />`}
      <div role="alert">${problem && html`<${ProblemText} problem=${problem} />`}</div>
      ${answer?.tokens.length === 0 && html`<p class="facts">${t('token.none')}</p>`}
      <ul class="lines">${answer?.tokens.map((token) => html`<${Token} key=${token.id} token=${token} onRevoke=${onRevoke} />`)}</ul>
      ${question}
    <//>`;
}

function Terms({ onCreate }) {
  const { isBusy, problem, send } = useSending();
  const onSubmit = async (event) => {
    event.preventDefault();
    const { name, scope, days } = event.currentTarget.elements;
    const terms = { name: name.value.trim(), scope: scope.value, expires_days: days.value ? Number(days.value) : null };
    if (await send(() => onCreate(terms))) name.value = '';
  };
  const scopes = isAdmin.value ? ['read', 'convert', 'admin'] : ['read', 'convert'];
  return html`
    <form class="form three" onSubmit=${onSubmit}>
      <label class="field"><span>${t('token.name')}</span>
        <input class="input" name="name" required maxlength="100" pattern=".*\\S.*" autocomplete="off" placeholder=${t('token.example')} /></label>
      <label class="field"><span>${t('token.scope')}</span>
        <select class="select" name="scope">
          ${scopes.map((scope) => html`<option key=${scope} value=${scope} selected=${scope === 'convert'}>${t(`scope.${scope}`)}</option>`)}
        </select></label>
      <label class="field"><span>${t('token.expires')}</span>
        <select class="select" name="days">
          ${DAYS.map((days) => html`<option key=${days} value=${days ?? ''} selected=${days === USUAL_DAYS}>${days ? t('token.days', { days }) : t('token.never')}</option>`)}
        </select></label>
      <button type="submit" class="button primary" disabled=${isBusy}><${Icon} name="key" />${t('token.create')}</button>
      <div role="alert">${problem && html`<${Refusal} problem=${problem} />`}</div>
    </form>`;
}

function Token({ token, onRevoke }) {
  const { name, scope, created_at: made, expires_at: until, used_at: used } = token;
  const isOver = until !== null && new Date(until) <= new Date();
  return html`
    <li class=${isOver ? 'line over' : 'line'}>
      <div>
        <p class="breakable"><strong>${name}</strong></p>
        <p class="facts"><span>${t(`scope.${scope}`)}</span><span>${t('token.made')} <${Day} at=${made} /></span>
          <span>${until === null ? t('token.never') : html`${t(isOver ? 'token.over' : 'token.until')} <${Day} at=${until} />`}</span>
          <span>${used === null ? t('token.unused') : html`${t('token.used')} <${Day} at=${used} time />`}</span></p>
      </div>
      <button type="button" class="button quiet" aria-label=${t('token.revoke_name', { name })} onClick=${() => onRevoke(token)}>${t('token.revoke')}</button>
    </li>`;
}
