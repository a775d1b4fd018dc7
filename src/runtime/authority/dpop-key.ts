/** The private key of the DPoP proofs (RFC 9449), from the JWK in its Secret. The key leaves this file as a function only. */
import { createPrivateKey, createPublicKey, randomUUID, type webcrypto } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose';
import { ZastavaError } from '../../contract/errors.ts';

/** What is to be sent. `nonce`: the one that its receiver asked for last. */
export interface AuthorizedRequest {
  readonly method: string;
  readonly url: URL;
  readonly nonce?: string | undefined;
}

export interface DpopKey {
  /** RFC 7638, base64url: `cnf.jkt` of a token that is bound to this key. */
  readonly thumbprint: string;
  /** As the Secret's annotation has it, when its data says so too. */
  readonly revision: string;
  /** Its name, when the JWK has one: Authority finds the key of an assertion by it. */
  readonly kid?: string;
  /** For the token request, where the library makes the proof. */
  readonly pair: webcrypto.CryptoKeyPair;
  /** A proof for one request. `ath`: base64url of the token's SHA-256. */
  prove(request: AuthorizedRequest & { readonly ath: string }): Promise<string>;
}

const algorithm = 'ES256';

/** @throws `authority.key-invalid`, whose message has nothing of the key */
export async function parseDpopKey(text: string, revision: string, where: string): Promise<DpopKey> {
  try {
    const jwk = JSON.parse(text) as JWK;
    const key = createPrivateKey({ key: jwk, format: 'jwk' });
    const { kty, crv, x, y } = await exportJWK(createPublicKey(key));
    if (crv !== 'P-256') throw new Error('not P-256');
    const open = { kty, crv, x, y } as JWK;
    const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
    const der = key.export({ type: 'pkcs8', format: 'der' });
    const pair = {
      privateKey: await crypto.subtle.importKey('pkcs8', der, curve, false, ['sign']),
      publicKey: await crypto.subtle.importKey('jwk', open as webcrypto.JsonWebKey, curve, true, ['verify']),
    };
    return {
      thumbprint: await calculateJwkThumbprint(open),
      revision,
      ...(typeof jwk.kid === 'string' && { kid: jwk.kid }),
      pair,
      prove: ({ method, url, nonce, ath }) =>
        new SignJWT({ htm: method, htu: `${url.origin}${url.pathname}`, jti: randomUUID(), ath, ...(nonce !== undefined && { nonce }) })
          .setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk: open })
          .setIssuedAt()
          .sign(pair.privateKey),
    };
  } catch {
    // The parser's message may quote what it read.
    throw new ZastavaError('authority.key-invalid', `${where}: expected a private JWK on P-256 (ES256), found something else; make one with zastava keys make dpop`);
  }
}
