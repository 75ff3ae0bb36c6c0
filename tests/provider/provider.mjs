// A provider of OpenID Connect as ProConnect is one: the code flow with PKCE, the ID token and the
// userinfo signed. In: its settings as JSON in argv. Out: a line once it listens. Whoever comes is
// signed in at once as the account that the file `account` names.
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
import Provider from 'oidc-provider'

const { issuer, port, clientId, secret, callback, jwks, account, userinfo, tokenSeconds } = JSON.parse(
  process.argv[2],
)

const client = {
  client_id: clientId,
  client_secret: secret,
  redirect_uris: [callback],
  post_logout_redirect_uris: [callback.replace('/callback', '')],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_post',
  id_token_signed_response_alg: 'RS256',
}
if (userinfo === 'signed') client.userinfo_signed_response_alg = 'RS256'

const provider = new Provider(issuer, {
  clients: [client],
  jwks,
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], siret: ['siret'] },
  scopes: ['openid', 'email', 'siret'],
  acrValues: ['eidas1'],
  features: { devInteractions: { enabled: false }, jwtUserinfo: { enabled: true } },
  cookies: { keys: [secret] },
  ttl: { IdToken: tokenSeconds, AccessToken: 60, AuthorizationCode: 60, Interaction: 60, Session: 60, Grant: 60 },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, siret: '11000601200010' }),
  }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    })
    grant.addOIDCScope('openid email siret')
    await grant.save()
    return grant
  },
})
provider.proxy = true // the tests' proxy stands before it, under the issuer's address

const serve = provider.callback()
createServer((request, response) => {
  if (request.url.startsWith('/interaction/')) {
    const accountId = readFileSync(account, 'utf8').trim()
    provider
      .interactionFinished(request, response, { login: { accountId, acr: 'eidas1' } })
      .catch((error) => response.writeHead(500).end(String(error)))
    return
  }
  serve(request, response)
}).listen(port, '127.0.0.1', () => console.log('listening'))
