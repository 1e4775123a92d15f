// The strings of the fleet, for the pages that import this.
import { learn } from '../i18n.js';
import en from './en/fleet.js';
import es from './es/fleet.js';

learn({ en, es });
