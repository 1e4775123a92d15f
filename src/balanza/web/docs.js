// The API's own page: Swagger UI over openapi.json, with nothing from elsewhere.
/* global SwaggerUIBundle */
const byNight = matchMedia('(prefers-color-scheme: dark)');
const paint = () => document.documentElement.classList.toggle('dark-mode', byNight.matches);
byNight.addEventListener('change', paint);
paint();

const api = document.getElementById('api');

/** Says to screen readers what Swagger UI leaves unsaid. What it did not set itself it does not take away. */
function name() {
  for (const [what, attribute, value] of [
    ['#servers:not([aria-label])', 'aria-label', 'Server'],
    ['select:not([aria-label], [id])', 'aria-label', 'Value'],
    ['.body-param__text:not([aria-label])', 'aria-label', 'Body of the request'],
    ['.information-container:not([role])', 'role', 'banner'],
    ['.scheme-container:not([role])', 'role', 'region'],
    ['.scheme-container:not([aria-label])', 'aria-label', 'Server'],
    ['.responses-table[role=region]', 'role', 'table'], // several without a name of their own
    ['pre.microlight:not([tabindex])', 'tabindex', '0'], // it scrolls
    ['h3:not([aria-level])', 'aria-level', '2'],
    ['h4:not([aria-level])', 'aria-level', '3'],
    ['h5:not([aria-level])', 'aria-level', '4'],
  ]) {
    for (const element of api.querySelectorAll(what)) element.setAttribute(attribute, value);
  }
}

new MutationObserver(name).observe(api, { childList: true, subtree: true });

SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#api',
  deepLinking: false, // its links would lie within buttons
  requestSnippetsEnabled: true, // what was tried, for curl in a shell, PowerShell and CMD
  validatorUrl: null, // the default asks a public server to validate
});
