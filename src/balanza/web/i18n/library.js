// The strings of the library and the conversions, for the pages that import this.
import { learn } from '../i18n.js';
import en from './en/library.js';
import es from './es/library.js';

learn({ en, es });
