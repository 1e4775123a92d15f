// The strings of the player, for the pages that import this.
import { learn } from '../i18n.js';
import en from './en/player.js';
import es from './es/player.js';

learn({ en, es });
