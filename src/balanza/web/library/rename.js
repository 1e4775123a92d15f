// The dialog that gives a file another name.
import { useId, useRef, useState } from '../vendor/preact/hooks.js';
import { renameMedia } from '../api.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { mediaChanged } from '../live.js';
import { Dialog, ProblemText } from '../parts.js';
import * as store from '../store.js';

const close = () => {
  store.dialog.value = null;
};

/** Before the extension, which most names keep. */
const stemOf = (name) => {
  const at = name.lastIndexOf('.');
  return at > 0 ? at : name.length;
};

export function RenameDialog({ media: [item] }) {
  const { isBusy, problem, save } = useRenaming(item);
  const hint = useId();
  const isSeen = useRef(false);
  const selectStem = ({ currentTarget: input }) => {
    if (!isSeen.current) input.setSelectionRange(0, stemOf(item.name));
    isSeen.current = true;
  };
  const onSubmit = (event) => {
    event.preventDefault();
    save(event.currentTarget.elements.name);
  };
  return html`
    <${Dialog} title=${t('rename.title')} onClose=${close} otherwise="library-title">
      <form onSubmit=${onSubmit}>
        <label class="field"><span>${t('rename.name')}</span>
          <input class="input" name="name" data-first defaultValue=${item.name} autocomplete="off" spellcheck=${false} onFocus=${selectStem}
            aria-invalid=${problem ? 'true' : undefined} aria-describedby=${hint} /></label>
        <div role="alert" id=${hint}>${problem && html`<${ProblemText} problem=${problem} />`}</div>
        <div class="dialog-actions">
          <button type="button" class="button" onClick=${close}>${t('dialog.cancel')}</button>
          <button type="submit" class="button primary" disabled=${isBusy}>${t('rename.save')}</button>
        </div>
      </form>
    <//>`;
}

function useRenaming(item) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const save = async (input) => {
    if (input.value === item.name) return close();
    setBusy(true);
    try {
      const renamed = await renameMedia(item.id, input.value);
      done(renamed);
    } catch (failure) {
      if (failure.slug === undefined) throw failure;
      setProblem(failure);
      input.focus();
    } finally {
      setBusy(false);
    }
    return undefined;
  };
  return { isBusy, problem, save };
}

function done(renamed) {
  const shown = store.media.value.map((item) => (item.id === renamed.id ? renamed : item));
  store.setMedia(shown, store.mediaCursor.value);
  mediaChanged(); // it may have another place now
  close();
  store.notify('done', t('rename.done', { name: renamed.name }));
}
