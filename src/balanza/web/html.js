// Templates: Preact elements written as HTML, without a build step. Data in a template is always text, never markup.
import { h } from './vendor/preact/preact.js';
import htm from './vendor/htm/htm.js';

export const html = htm.bind(h);
