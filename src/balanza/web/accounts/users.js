// The people, for administrators: who has an account, what they may and what they use; invitations.
import { render } from '../vendor/preact/preact.js';
import { useState } from '../vendor/preact/hooks.js';
import { effect } from '../vendor/signals/signals.js';
import { bytes } from '../format.js';
import { Notices, Top } from '../frame.js';
import { html } from '../html.js';
import { language, learn, t, tn } from '../i18n.js';
import { Icon } from '../icons.js';
import { attempt, ProblemText } from '../parts.js';
import { notify } from '../store.js';
import { changePerson, deletePerson, listPeople } from './api.js';
import { useAnswer } from './answer.js';
import { Day } from './day.js';
import { Invitations } from './invitations.js';
import { ask as askWho, enter, isAdmin, me } from './me.js';
import { PersonDialog } from './person.js';
import { useQuestion } from './question.js';
import { Away, Sorry } from './sorry.js';

function App() {
  if (me.value === null) return html`<${Top} page="users.html" /><${Away} />`;
  const { accounts } = me.value;
  return html`
    <${Top} page="users.html" />
    ${accounts && isAdmin.value ? html`<${Everybody} />` : html`
      <${Sorry} title=${t('users.title')} text=${t(accounts ? 'sorry.users' : 'sorry.alone')} />`}
    <div class="bottom"><${Notices} /></div>`;
}

function Everybody() {
  const people = useAnswer(listPeople);
  return html`
    <main class="columns narrow">
      <h2 class="page-title">${t('users.title')}</h2>
      <${People} ...${people} />
      <${Invitations} people=${people.answer?.users ?? []} />
    </main>`;
}

function People({ answer, problem, reload }) {
  const [question, ask] = useQuestion();
  const [changing, setChanging] = useState(null);
  const change = async (person, changes) => {
    await changePerson(person.id, changes);
    await reload();
  };
  const onSwitch = (person) => {
    const off = person.disabled_at === null;
    const { name } = person;
    ask({
      title: t(off ? 'users.disable_title' : 'users.enable_title', { name }),
      text: t(off ? 'users.disable_text' : 'users.enable_text'),
      yes: t(off ? 'users.disable' : 'users.enable'),
      act: async () => {
        await change(person, { disabled: off });
        notify('done', t(off ? 'users.disabled' : 'users.enabled', { name }));
      },
    });
  };
  const onDelete = (person) => {
    const { name } = person;
    ask({
      title: t('users.delete_title', { name }),
      text: t('users.delete_text'),
      yes: t('users.delete'),
      act: async () => {
        await deletePerson(person.id);
        await reload();
        notify('done', t('users.deleted', { name }));
      },
    });
  };
  const onChange = async (changes) => {
    await change(changing, changes);
    notify('done', t('users.changed', { name: changing.name }));
    setChanging(null);
    if (changing.id === me.value.user.id) await attempt(askWho); // perhaps no administrator any more
  };
  return html`
    <section class="panel" id="people" aria-labelledby="people-title">
      <header class="panel-head"><h2 id="people-title" tabindex="-1">${t('users.accounts')}</h2>
        ${answer && html`<span class="facts">${tn('users.count', answer.users.length)}</span>`}</header>
      <div role="alert">${problem && html`<${ProblemText} problem=${problem} />`}</div>
      <ul class="people">${answer?.users.map((person) => html`
        <${Person} key=${person.id} person=${person} onChange=${() => setChanging(person)} onSwitch=${() => onSwitch(person)} onDelete=${() => onDelete(person)} />`)}</ul>
      ${question}
      ${changing && html`<${PersonDialog} person=${changing} onSave=${onChange} onClose=${() => setChanging(null)} />`}
    </section>`;
}

function Person({ person, onChange, onSwitch, onDelete }) {
  const { id, name, role, created_at: since, disabled_at: disabled } = person;
  const isMe = id === me.value.user.id;
  return html`
    <li class=${disabled === null ? 'person' : 'person over'}>
      <div class="person-text">
        <p class="person-name"><strong class="breakable">${name}</strong>
          <span class="role">${t(`role.${role}`)}</span>${isMe && html`<span class="role me-too">${t('users.you')}</span>`}
          ${disabled !== null && html`<span class="state cancelled"><${Icon} name="cancelled" />${t('users.is_disabled')}</span>`}</p>
        <p class="facts"><span>${tn('users.files', person.files)}</span><span>${storedBy(person)}</span><span>${jobsOf(person)}</span>
         
          <span>${t('users.since')} <${Day} at=${since} /></span></p>
      </div>
      <div class="person-actions">
        <button type="button" class="button" aria-label=${t('users.change_name', { name })} onClick=${onChange}>${t('users.change')}</button>
        ${!isMe && html`
          <button type="button" class="button quiet" aria-label=${t(disabled === null ? 'users.disable_name' : 'users.enable_name', { name })}
            onClick=${onSwitch}>${t(disabled === null ? 'users.disable' : 'users.enable')}</button>`}
        ${!isMe && disabled !== null && html`
          <button type="button" class="button quiet" aria-label=${t('users.delete_name', { name })} onClick=${onDelete}>${t('users.delete')}</button>`}
      </div>
    </li>`;
}

const storedBy = ({ stored_bytes: used, quota_bytes: most }) =>
  most === null ? bytes(used) : t('settings.of', { used: bytes(used), most: bytes(most) });

const jobsOf = ({ live_jobs: count, quota_jobs: most }) =>
  most === null ? tn('users.jobs', count) : t('users.jobs_of', { count, most });

await learn('accounts');
effect(() => {
  document.documentElement.lang = language.value;
  document.title = t('users.page_title');
});
await enter();
render(html`<${App} />`, document.getElementById('app'));
