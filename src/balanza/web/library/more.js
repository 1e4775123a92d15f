// What else can be done with a file: a button in its row, and the short menu that it opens.
import { useEffect, useRef, useState } from '../vendor/preact/hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Icon } from '../icons.js';
import * as store from '../store.js';

const ACTIONS = [
  { kind: 'rename', icon: 'rename', label: () => t('action.rename') },
  { kind: 'share', icon: 'share', label: () => t('action.share') },
];

export function More({ item }) {
  const button = useRef(null);
  const [isOpen, setOpen] = useState(false);
  const onAct = (kind) => {
    button.current.focus(); // where the dialog's end leads back to
    setOpen(false);
    store.dialog.value = { kind, media: [item] };
  };
  const label = t('action.more_name', { name: item.name });
  return html`
    <button type="button" class="button quiet square" ref=${button} aria-label=${label} title=${label} aria-expanded=${isOpen ? 'true' : 'false'}
      onClick=${() => setOpen(!isOpen)}><${Icon} name="more" /></button>
    ${isOpen && html`<${Menu} name=${item.name} button=${button.current} onAct=${onAct} onClose=${() => setOpen(false)} />`}`;
}

function Menu({ name, button, onAct, onClose }) {
  const menu = useRef(null);
  useEffect(() => {
    menu.current.showPopover();
    place(menu.current, button);
    menu.current.querySelector('button').focus();
    return setAside(button.closest('.row'));
  }, []);
  const onToggle = ({ newState }) => newState === 'closed' && onClose();
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const items = [...menu.current.querySelectorAll('button')];
    items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
  };
  return html`
    <div class="menu row-menu" popover="auto" ref=${menu} role="group" aria-label=${t('action.more_name', { name })}
      onToggle=${onToggle} onKeyDown=${onKeyDown}>
      ${ACTIONS.map(({ kind, icon, label }) => html`
        <button key=${kind} type="button" class="menu-item" onClick=${() => onAct(kind)}><${Icon} name=${icon} />${label()}</button>`)}
    </div>`;
}

/** Below the top bar all but that row takes neither clicks nor focus: the menu covers some of it, and a press beside the menu
    closes it. What it answers ends that. */
function setAside(row) {
  const others = [];
  for (let at = row; at !== document.body; at = at.parentElement) {
    others.push(...[...at.parentElement.children].filter((other) => other !== at && !other.inert && !other.matches('.top')));
  }
  const turn = (isAside) => others.forEach((other) => (other.inert = isAside));
  turn(true);
  return () => turn(false);
}

/** Below its button, or above it where there is no room. It scrolls with the page. */
function place(menu, button) {
  const { top, bottom, right } = button.getBoundingClientRect();
  const { offsetHeight: height, offsetWidth: width } = menu;
  const y = bottom + 4 + height <= innerHeight ? bottom + 4 : top - 4 - height;
  menu.style.top = `${y + scrollY}px`;
  menu.style.left = `${Math.max(8, right - width) + scrollX}px`;
}
