// The API's own page: Swagger UI over openapi.json, with nothing from elsewhere.
/* global SwaggerUIBundle */
SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#api',
  deepLinking: true,
  requestSnippetsEnabled: true, // what was tried, for curl in a shell, PowerShell and CMD
  validatorUrl: null, // the default asks a public server to validate
});
