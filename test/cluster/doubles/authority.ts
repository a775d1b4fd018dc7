/** Authority as a site has it in its cluster: oidc-provider behind `https://authority.internal`. Key, certificate and clients' CA are mounted. */
import { readFileSync } from 'node:fs';
import { AuthorityServer } from '../../fakes/authority-server.ts';
import { operatorClient } from '../stage/names.ts';

const read = (name: string): string => readFileSync(`/etc/authority/${name}`, 'utf8');

await AuthorityServer.start(
  { ca: read('ca.crt'), server: async () => ({ cert: read('tls.crt'), key: read('tls.key') }) },
  { signingJwk: JSON.parse(read('signing.json')) as object, others: [operatorClient], lifeSeconds: 120 },
  { host: '0.0.0.0', port: 8443, origin: 'https://authority.internal' },
);
process.on('SIGTERM', () => process.exit(0));
console.log('authority listens');
