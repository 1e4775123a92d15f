// The invitations: links that are good for one account each.
import { useState } from '../vendor/preact/hooks.js';
import { Copied } from '../copied.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import { ProblemText } from '../parts.js';
import { invite, listInvitations, takeBack } from './api.js';
import { useAnswer } from './answer.js';
import { Day } from './day.js';
import { Refusal, useSending } from './enter.js';
import { me } from './me.js';
import { Panel } from './panel.js';
import { useQuestion } from './question.js';

const HOURS = { day: 24, week: 7 * 24, month: 30 * 24 };

/** `people` are those there are: one may be who used an invitation. */
export function Invitations({ people }) {
  const { answer, problem, reload } = useAnswer(listInvitations);
  const [fresh, setFresh] = useState(null);
  const [question, ask] = useQuestion();
  const create = async (role, hours) => {
    setFresh(await invite(role, hours));
    await reload();
  };
  const onTakeBack = ({ id }) =>
    ask({
      title: t('invitation.back_title'),
      text: t('invitation.back_text'),
      yes: t('invitation.back'),
      otherwise: 'invitations-title',
      act: async () => {
        await takeBack(id);
        if (fresh?.id === id) setFresh(null);
        await reload();
      },
    });
  const isClosed = me.value.signup === 'closed';
  return html`
    <${Panel} id="invitations" title=${t('invitation.title')}>
      <p>${t(isClosed ? 'invitation.closed' : 'invitation.hint')}</p>
      ${!isClosed && html`<${Terms} onCreate=${create} />`}
      ${fresh && html`
        <${Copied} key=${fresh.id} label=${t('invitation.link')} value=${new URL(fresh.url, document.baseURI).href} hint=${t('copy.once.one')} />`}
      <div role="alert">${problem && html`<${ProblemText} problem=${problem} />`}</div>
      ${answer?.invitations.length === 0 && html`<p class="facts">${t('invitation.none')}</p>`}
      <ul class="lines">${answer?.invitations.map((one) => html`<${Invitation} key=${one.id} invitation=${one} people=${people} onTakeBack=${onTakeBack} />`)}</ul>
      ${question}
    <//>`;
}

function Terms({ onCreate }) {
  const { isBusy, problem, send } = useSending();
  const onSubmit = (event) => {
    event.preventDefault();
    const { role, time } = event.currentTarget.elements;
    send(() => onCreate(role.value, HOURS[time.value]));
  };
  return html`
    <form class="form three" onSubmit=${onSubmit}>
      <label class="field"><span>${t('users.role')}</span>
        <select class="select" name="role">
          <option value="user" selected>${t('role.user')}</option><option value="admin">${t('role.admin')}</option>
        </select></label>
      <label class="field"><span>${t('invitation.time')}</span>
        <select class="select" name="time">
          ${Object.keys(HOURS).map((time) => html`<option key=${time} value=${time} selected=${time === 'week'}>${t(`invitation.time_${time}`)}</option>`)}
        </select></label>
      <button type="submit" class="button primary" disabled=${isBusy}><${Icon} name="add" />${t('invitation.create')}</button>
      <div role="alert">${problem && html`<${Refusal} problem=${problem} />`}</div>
    </form>`;
}

function Invitation({ invitation, people, onTakeBack }) {
  const { role, created_at: made, expires_at: until, used_by: user } = invitation;
  const name = user && (people.find(({ id }) => id === user)?.name ?? user);
  return html`
    <li class=${name === null ? 'line' : 'line over'}>
      <div>
        <p class="breakable">${t(`invitation.for_${role}`)}${name !== null && html` <span class="role">${t('invitation.used', { name })}</span>`}</p>
        <p class="facts"><span>${t('token.made')} <${Day} at=${made} time /></span>
          ${name === null && html`<span>${t('invitation.until')} <${Day} at=${until} time /></span>`}</p>
      </div>
      ${name === null && html`<button type="button" class="button quiet" onClick=${() => onTakeBack(invitation)}>${t('invitation.back')}</button>`}
    </li>`;
}
