/**
 * A real Authority on loopback: oidc-provider with client credentials, DPoP with nonces, client certificates and signed
 * assertions. It binds tokens to both key and certificate, which the provider itself does to one of the two only.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider, type Adapter, type AdapterPayload, type ClientMetadata, type Configuration } from 'oidc-provider';
import type { TestPki } from './test-pki.ts';

export interface AuthorityOptions {
  readonly clientId?: string;
  /** Public JWK of the client, for private_key_jwt; without, the client certificate authenticates. */
  readonly clientJwk?: object;
  readonly requireDpop?: boolean;
  /** Private, on P-256: so that tokens are known after a restart. */
  readonly signingJwk?: object;
  /** Of the client as Authority has registered it, over what is said above. */
  readonly client?: Partial<ClientMetadata>;
  /** Further clients, each known by the common name of its certificate. */
  readonly others?: readonly string[];
  /** False: it knows no grant of client credentials. */
  readonly grant?: boolean;
  /** Called when a token for a resource is asked for; throws what it refuses with. */
  readonly judgeResource?: () => void;
  readonly audience?: string;
  readonly scopes?: string;
  readonly lifeSeconds?: number;
  /** Changes the claims of a token before it is signed. */
  readonly claims?: (claims: Record<string, unknown>) => void;
  /** What its clock shows. */
  readonly date?: Date;
  /** Called before each request is answered; may answer itself. */
  readonly intercept?: (request: { readonly path: string }) => { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string } | 'hang' | undefined;
}

/** Where a server listens and how it is called, when not on loopback. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  /** `https://name`. */
  readonly origin: string;
}

export class AuthorityServer {
  readonly #server: Server;
  readonly issuer: string;
  /** Public keys that its tokens are signed by. */
  readonly jwks: { readonly keys: readonly object[] };
  /** Requests for a token so far. */
  tokenRequests = 0;
  /** Every token that it gave. */
  readonly issued: string[] = [];
  options: AuthorityOptions;

  private constructor(server: Server, issuer: string, jwks: { keys: object[] }, options: AuthorityOptions) {
    [this.#server, this.issuer, this.jwks, this.options] = [server, issuer, jwks, options];
  }

  static async start(pki: Pick<TestPki, 'ca' | 'server'>, options: AuthorityOptions = {}, at: number | Listening = 0): Promise<AuthorityServer> {
    const signing = { ...(options.signingJwk ?? (await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey))), alg: 'ES256', use: 'sig', kid: 'test' };
    const { d: _, ...open } = signing as JWK;
    const certificate = await pki.server();
    // A client certificate is judged by the provider, not by the handshake.
    const server = createServer({ key: certificate.key, cert: certificate.cert, ca: pki.ca, requestCert: true, rejectUnauthorized: false });
    const { host, port } = typeof at === 'number' ? { host: '127.0.0.1', port: at } : at;
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    const issuer = typeof at === 'number' ? `https://localhost:${(server.address() as AddressInfo).port}` : at.origin;
    const authority = new AuthorityServer(server, issuer, { keys: [open] }, options);
    const provider = new Provider(issuer, configurationOf(authority, signing));
    provider.on('server_error', () => {});
    provider.use(async (ctx, next) => {
      await next();
      const { access_token: token } = (ctx.body ?? {}) as { access_token?: string };
      if (token !== undefined) authority.issued.push(token);
    });
    const callback = provider.callback();
    server.on('request', (request, response) => {
      const path = request.url?.split('?')[0] ?? '';
      if (path === '/token') authority.tokenRequests++;
      const own = authority.options.intercept?.({ path });
      if (own === 'hang') return;
      const { date } = authority.options;
      if (date !== undefined) response.setHeader('date', date.toUTCString());
      if (own === undefined) return void callback(request, response);
      response.writeHead(own.status, { 'content-type': 'application/json', ...own.headers });
      response.end(own.body ?? '{}');
    });
    return authority;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** What the provider remembers: proofs and assertions that it has seen. */
class MapAdapter implements Adapter {
  readonly #entries = new Map<string, AdapterPayload>();

  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    this.#entries.set(id, payload);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.#entries.get(id);
  }

  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async consume(): Promise<undefined> {}
  async revokeByGrantId(): Promise<undefined> {}

  async destroy(id: string): Promise<void> {
    this.#entries.delete(id);
  }
}

function configurationOf(authority: AuthorityServer, signing: object): Configuration {
  const { clientId = 'zastava-runtime', clientJwk, requireDpop = true, client, others = [], grant = true } = authority.options;
  const byCertificate = (name: string): object => ({ token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: `CN=${name}` });
  const common = { grant_types: ['client_credentials'], id_token_signed_response_alg: 'ES256', redirect_uris: [], response_types: [], dpop_bound_access_tokens: requireDpop };
  const certificateOf = (ctx: { socket: unknown }) => (ctx.socket as TLSSocket).getPeerX509Certificate();
  return {
    adapter: MapAdapter,
    clients: [
      { client_id: clientId, ...common, ...(clientJwk === undefined ? byCertificate(clientId) : { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [clientJwk] } }), ...client },
      ...others.map((name) => ({ client_id: name, ...common, ...byCertificate(name) })),
    ] as Configuration['clients'],
    clientAuthMethods: ['tls_client_auth', 'private_key_jwt'],
    jwks: { keys: [signing] } as Configuration['jwks'],
    scopes: ['aud:scanner', 'api:scanner.runtime.write'],
    features: {
      clientCredentials: { enabled: grant },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
      mTLS: {
        enabled: true, tlsClientAuth: true, certificateBoundAccessTokens: true,
        getCertificate: (ctx) => certificateOf(ctx),
        certificateAuthorized: (ctx) => (ctx.socket as TLSSocket).authorized,
        certificateSubjectMatches: (ctx, _, expected) => certificateOf(ctx)?.subject.split('\n').reverse().join(',') === expected,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:scanner',
        useGrantedResource: () => true,
        getResourceServerInfo: () => {
          authority.options.judgeResource?.();
          return {
            audience: authority.options.audience ?? 'scanner', scope: authority.options.scopes ?? 'aud:scanner api:scanner.runtime.write',
            accessTokenFormat: 'jwt', accessTokenTTL: authority.options.lifeSeconds ?? 300, jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
    formats: {
      customizers: {
        jwt: (ctx, _, parts) => {
          const certificate = certificateOf(ctx);
          const claims = parts.payload as Record<string, unknown>;
          if (certificate) claims['cnf'] = { ...(claims['cnf'] as object), 'x5t#S256': createHash('sha256').update(certificate.raw).digest('base64url') };
          authority.options.claims?.(claims);
        },
      },
    },
    ttl: { ClientCredentials: () => authority.options.lifeSeconds ?? 300 },
    renderError: (ctx, out) => {
      ctx.body = out;
    },
  };
}
