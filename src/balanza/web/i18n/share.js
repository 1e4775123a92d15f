// The strings of shared links, for the pages that import this.
import { learn } from '../i18n.js';
import en from './en/share.js';
import es from './es/share.js';

learn({ en, es });
