// What is selected as one zip. The browser saves it as it comes; the page holds nothing of it.
import { html } from './html.js';
import { t } from './i18n.js';
import { Icon } from './icons.js';

const MOST = 500;
// Their address has 2 kB, which every proxy takes.
const FEW = 40;
const SAVING_MS = 3000;

let savedAt = -Infinity;

/** Whether the page is only left to save something: then it stays. */
export const isSaving = () => performance.now() - savedAt < SAVING_MS;

export function Zip({ ids }) {
  if (ids.length > 0 && ids.length <= FEW) {
    const query = new URLSearchParams(ids.map((id) => ['id', id]));
    return html`<a class="button quiet" href=${`media/zip?${query}`} download><${Icon} name="download" />${t('library.zip')}</a>`;
  }
  if (ids.length > FEW && ids.length <= MOST) return html`<${Posted} ids=${ids} />`;
  const label = ids.length === 0 ? t('library.zip') : t('library.zip_most', { most: MOST });
  return html`<button type="button" class="button quiet" disabled><${Icon} name="download" />${label}</button>`;
}

const onSubmit = () => {
  savedAt = performance.now();
};

const Posted = ({ ids }) => html`
  <form method="post" action="media/zip" onSubmit=${onSubmit}>
    ${ids.map((id) => html`<input key=${id} type="hidden" name="id" value=${id} />`)}
    <button type="submit" class="button quiet"><${Icon} name="download" />${t('library.zip')}</button></form>`;
