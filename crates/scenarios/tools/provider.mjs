// An OpenID Connect provider for tests: any free port of the loopback, four people, one confidential client.
//
// Any password will do, as the form says. The client is registered as a native one because only those may come back to
// any port of the loopback, and a console's port is known only after the console has been told of this provider.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const { client_id, client_secret, callback_path, people } = JSON.parse(process.env.KEYMUSTER_PROVIDER);

const key = (type, options) => generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
const signs = (jwk, alg, kid) => ({ ...jwk, alg, kid, use: 'sig' });

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id,
      client_secret,
      application_type: 'native',
      grant_types: ['authorization_code'],
      redirect_uris: [`http://127.0.0.1${callback_path}`, `http://localhost${callback_path}`],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    }],
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username'],
      email: ['email', 'email_verified'],
      groups: ['groups'],
    },
    // Claims stand in the id token as well, as with the providers that enterprises use.
    conformIdTokenClaims: false,
    cookies: { keys: ['only for tests'] },
    features: { devInteractions: { enabled: true } },
    findAccount(_, id) {
      const person = people.find(({ sub }) => sub === id);
      return person && { accountId: id, claims: () => person };
    },
    jwks: {
      keys: [
        signs(key('rsa', { modulusLength: 2048 }), 'RS256', 'rsa'),
        signs(key('ec', { namedCurve: 'P-256' }), 'ES256', 'ec'),
      ],
    },
    pkce: { required: () => true },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  server.on('request', provider.callback());
  console.log(`listening on ${issuer}`);
});
