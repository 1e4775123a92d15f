// The page of one's own: who I am and what I use, the language, the password, the tokens, the way out.
import { render } from '../vendor/preact/preact.js';
import { effect } from '../vendor/signals/signals.js';
import { bytes, decimal } from '../format.js';
import { Languages, Notices, Top } from '../frame.js';
import { html } from '../html.js';
import { language, learn, t } from '../i18n.js';
import { Icon } from '../icons.js';
import { logOut } from './api.js';
import { Goodbye } from './goodbye.js';
import { enter, me } from './me.js';
import { signOut } from './menu.js';
import { Panel } from './panel.js';
import { Password } from './password.js';
import { useQuestion } from './question.js';
import { Away } from './sorry.js';
import { Tokens } from './tokens.js';

function App() {
  if (me.value === null) return html`<${Top} page="settings.html" /><${Away} />`;
  const { accounts, user } = me.value;
  return html`
    <${Top} page="settings.html" />
    <main class="columns narrow">
      <h2 class="page-title">${t('settings.title')}</h2>
      ${accounts && html`<${Me} user=${user} />`}
      <${LanguagePanel} />
      ${!accounts && html`<${Alone} />`}
      ${accounts && html`<${Password} user=${user} /><${Tokens} /><${Leave} /><${Goodbye} user=${user} />`}
    </main>
    <div class="bottom"><${Notices} /></div>`;
}

function Me({ user }) {
  return html`
    <${Panel} id="me" title=${t('settings.me')}>
      <p class="me"><${Icon} name="person" /><strong class="breakable">${user.name}</strong>
        <span class="role">${t(`role.${user.role}`)}</span></p>
      <${Use} label=${t('settings.stored')} used=${user.stored_bytes} most=${user.quota_bytes} word=${bytes} />
      <${Use} label=${t('settings.live')} used=${user.live_jobs} most=${user.quota_jobs} word=${(count) => decimal(count)} />
      <p class="facts">${t('settings.use_hint')}</p>
    <//>`;
}

/** How much of what is allowed is used; `most` is null where all is. */
const Use = ({ label, used, most, word }) => html`
  <div class="use">
    <p><span>${label}</span> <strong>${most === null ? word(used) : t('settings.of', { used: word(used), most: word(most) })}</strong></p>
    ${most !== null && html`
      <progress class=${used >= most ? 'progress full' : 'progress'} max=${Math.max(1, most)} value=${Math.min(used, Math.max(1, most))} aria-label=${label}></progress>`}
  </div>`;

const LanguagePanel = () => html`
  <${Panel} id="language" title=${t('top.language')}>
    <div class="aside"><p>${t('settings.language_hint')}</p><${Languages} /></div>
  <//>`;

/** On a server that knows nobody by name. */
const Alone = () => html`
  <${Panel} id="alone" title=${t('settings.alone')}>
    <p>${t('settings.alone_hint')}</p>
    <p>${t('settings.alone_how')}</p>
    <pre class="command" tabindex="0" aria-label=${t('settings.command')}>BALANZA_AUTH=on balanza up</pre>
    <p class="facts">${t('settings.alone_then')}</p>
  <//>`;

function Leave() {
  const [question, ask] = useQuestion();
  const everywhere = () =>
    ask({
      title: t('settings.everywhere_title'),
      text: t('settings.everywhere_text'),
      yes: t('settings.everywhere'),
      act: async () => {
        await logOut(true);
        location.replace('login.html');
      },
    });
  return html`
    <${Panel} id="leave" title=${t('top.sign_out')}>
      <p>${t('settings.leave_hint')}</p>
      <div class="actions">
        <button type="button" class="button" onClick=${signOut}><${Icon} name="leave" />${t('top.sign_out')}</button>
        <button type="button" class="button" onClick=${everywhere}>${t('settings.everywhere')}</button>
      </div>
      ${question}
    <//>`;
}

await learn('accounts');
effect(() => {
  document.documentElement.lang = language.value;
  document.title = t('settings.page_title');
});
await enter();
render(html`<${App} />`, document.getElementById('app'));
