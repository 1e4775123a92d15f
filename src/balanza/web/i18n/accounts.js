// The strings of log-in, settings and people, for the pages that import this.
import { learn } from '../i18n.js';
import en from './en/accounts.js';
import es from './es/accounts.js';

learn({ en, es });
