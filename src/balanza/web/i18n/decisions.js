// The strings of the decisions on who converts what, for the pages that import this.
import { learn } from '../i18n.js';
import en from './en/decisions.js';
import es from './es/decisions.js';

learn({ en, es });
