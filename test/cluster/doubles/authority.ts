/** Authority as a site has it in its cluster: oidc-provider behind `https://authority.internal`. Key, certificate and clients' CA are mounted. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { AuthorityServer } from '../../fakes/authority-server.ts';
import { operatorClient } from '../stage/names.ts';

const read = (name: string): string => readFileSync(`/etc/authority/${name}`, 'utf8');

const authority = await AuthorityServer.start(
  { ca: read('ca.crt'), server: async () => ({ cert: read('tls.crt'), key: read('tls.key') }) },
  { signingJwk: JSON.parse(read('signing.json')) as object, others: [operatorClient], lifeSeconds: Number(process.env['TOKEN_SECONDS'] ?? 120) },
  { host: '0.0.0.0', port: 8443, origin: 'https://authority.internal' },
);
createServer((_, response) => response.end(`${authority.tokenRequests}\n`)).listen(8080);
process.on('SIGTERM', () => process.exit(0));
console.log('authority listens');
