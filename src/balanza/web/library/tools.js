// What narrows and orders the library: a search for part of a name, the kind, the order.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import * as store from '../store.js';
import { ask, askAll, KINDS, SORTS } from './question.js';

const PAUSE_MS = 250;

/** There as long as there is something to narrow, or something is narrowed, or nobody knows yet. */
export function Tools() {
  const { kind, sort } = store.question.value;
  const isUseful = store.media.value.length > 0 || store.isNarrow(store.question.value) || store.isNarrow(store.answered.value);
  if (store.loaded.value && !isUseful) return null;
  return html`
    <search class="tools">
      <${Search} />
      <${Choice} name="kind" label=${t('library.kind')} values=${KINDS} current=${kind} nameOf=${(value) => t(`library.kind_${value || 'all'}`)} />
      <${Choice} name="sort" label=${t('library.sort')} values=${SORTS} current=${sort} nameOf=${(value) => t(`library.sort_${value}`)} />
    </search>`;
}

const Choice = ({ name, label, values, current, nameOf }) => html`
  <select class="select" aria-label=${label} onChange=${(event) => ask({ [name]: event.currentTarget.value })}>
    ${values.map((value) => html`<option key=${value} value=${value} selected=${value === current}>${nameOf(value)}</option>`)}
  </select>`;

/** Asks a moment after the last key. Escape empties it. */
function Search() {
  const { search } = store.question.value;
  const [text, setText] = useState(search);
  const sent = useRef(search);
  const timer = useRef(null);
  const send = (value) => {
    clearTimeout(timer.current);
    sent.current = value.trim();
    ask({ search: sent.current });
  };
  useEffect(() => {
    if (search === sent.current) return; // it comes from here
    clearTimeout(timer.current);
    sent.current = search;
    setText(search);
  }, [search]);
  const onInput = ({ currentTarget: { value } }) => {
    setText(value);
    clearTimeout(timer.current);
    if (value === '') send(value);
    else timer.current = setTimeout(send, PAUSE_MS, value);
  };
  const onKeyDown = (event) => {
    if (event.key === 'Enter') send(text);
    if (event.key !== 'Escape' || text === '') return;
    event.preventDefault();
    setText('');
    send('');
  };
  return html`
    <label class="search"><${Icon} name="search" />
      <input class="input" type="search" id="library-search" value=${text} maxlength="200" autocomplete="off" spellcheck=${false}
        aria-label=${t('library.search')} placeholder=${t('library.search')} onInput=${onInput} onKeyDown=${onKeyDown} /></label>`;
}

/** No file fits the question. */
export function NothingFits() {
  const { search } = store.answered.value;
  const onAll = () => {
    askAll();
    document.getElementById('library-search').focus(); // this button goes
  };
  return html`
    <div class="empty"><${Icon} name="search" />
      <p><strong class="breakable">${search ? t('library.none_named', { search }) : t('library.none_of_kind')}</strong></p>
      <button type="button" class="button" onClick=${onAll}>${t('library.show_all')}</button></div>`;
}
