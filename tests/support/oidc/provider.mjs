// A real OpenID Connect provider on a loopback port, with one client: node provider.mjs MODULES PORT REDIRECT_URI
// It lets everybody in under the name that they type, with any password.
import { pathToFileURL } from 'node:url';

const [modules, port, redirectUri] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

const claimsOf = (name) => ({
  sub: name,
  preferred_username: name,
  email: `${name}@example.org`,
  email_verified: true,
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: 'balanza', client_secret: 'a secret of both', redirect_uris: [redirectUri] }],
  claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'] },
  findAccount: (context, name) => ({ accountId: name, claims: () => claimsOf(name) }),
  pkce: { required: () => true },
  ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600, AuthorizationCode: 60 },
});
provider.listen(Number(port), '127.0.0.1');
