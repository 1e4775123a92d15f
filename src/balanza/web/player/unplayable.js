// What stands in the place of what cannot be played: why, and what to do.
import { mediaStatus } from '../api.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { openConvert } from '../library.js';
import * as store from '../store.js';

const REASONS = { 0: 'unreachable', 404: 'deleted', 410: 'deleted' };

/** Why the element of this file failed: `unplayable`, `deleted` or `unreachable`. */
export const reasonOf = async ({ id }) => REASONS[await mediaStatus(id)] ?? 'unplayable';

export function Unplayable({ item, reason }) {
  const known = store.mediaById.value.get(item.id);
  return html`
    <div class="unplayable" role="alert"><p>${t(`player.${reason}`)}</p>
      ${['unplayable', 'no_preview'].includes(reason) && known && html`
        <button type="button" class="button" onClick=${() => openConvert([known])}>${t('action.convert')}</button>`}
    </div>`;
}
