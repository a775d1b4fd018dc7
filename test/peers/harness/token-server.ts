/** Gives tokens for a registry to one user, as distribution's token authentication wants them; and the user's password hash for basic authentication. */
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { TestPki } from '../../fakes/test-pki.ts';

/** A vector of crypt_blowfish's own tests, which everybody may know. */
export const testUser = { name: 'zastava', password: 'U*U', htpasswd: 'zastava:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n' } as const;

export class TokenServer {
  readonly #server: Server;
  readonly jwks: object;
  readonly scopes: string[] = [];

  private constructor(server: Server, jwks: object) {
    [this.#server, this.jwks] = [server, jwks];
  }

  static async start(pki: TestPki): Promise<TokenServer> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const server = createServer(await pki.server());
    const tokens = new TokenServer(server, { keys: [{ ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' }] });
    const expected = `Basic ${Buffer.from(`${testUser.name}:${testUser.password}`).toString('base64')}`;
    server.on('request', async (request, response) => {
      if (request.headers.authorization !== expected) return response.writeHead(401).end();
      const { searchParams } = new URL(request.url ?? '', 'https://x');
      const scopes = searchParams.getAll('scope');
      tokens.scopes.push(...scopes);
      const access = scopes.map((scope) => scope.split(':')).map(([type, name, actions = '']) => ({ type, name, actions: actions.split(',') }));
      const token = await new SignJWT({ access, jti: String(tokens.scopes.length) }).setProtectedHeader({ alg: 'ES256', kid: 'test' })
        .setIssuer('test').setSubject(testUser.name).setAudience(searchParams.get('service') ?? '').setIssuedAt().setNotBefore('-1m').setExpirationTime('5m').sign(privateKey);
      response.writeHead(200).end(JSON.stringify({ token, expires_in: 300 }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return tokens;
  }

  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
