// A text to be copied that nobody can be shown again, as a link or a token.
import { useEffect, useRef, useState } from './vendor/preact/hooks.js';
import { html } from './html.js';
import { t } from './i18n.js';
import { Icon } from './icons.js';

/** `value` in a field of so many rows, selected, and copied at a press; `hint` says that it is not shown again. */
export function Copied({ label, value, hint, rows = 1 }) {
  const [isCopied, setCopied] = useState(false);
  const input = useRef(null);
  useEffect(() => input.current.select(), []);
  const onCopy = async () => setCopied(await copy(input.current));
  const field = { ref: input, class: 'input', readonly: true, value, spellcheck: false, onFocus: () => input.current.select() };
  return html`
    <div class="copied">
      <label class="field"><span>${label}</span>
        ${rows === 1 ? html`<input ...${field} />` : html`<textarea ...${field} rows=${rows} wrap="off"></textarea>`}</label>
      <button type="button" class="button" onClick=${onCopy}><${Icon} name=${isCopied ? 'completed' : 'copy'} />${t(isCopied ? 'copy.done' : 'copy.copy')}</button>
      <p class="facts">${hint}</p>
      <p class="unseen" role="status">${isCopied ? t('copy.done') : ''}</p>
    </div>`;
}

/** Whether the text of the field is in the clipboard now. Browsers keep the newer way from pages without TLS. */
async function copy(input) {
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    input.select();
    return document.execCommand('copy');
  }
}
