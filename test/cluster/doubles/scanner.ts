/**
 * Scanner as a site has it in its cluster, told what to do by files in a folder of the node, and keeping there what it gets:
 * `policy.json` (see PolicyFile) is read at each question, `events.jsonl`, `gaps.jsonl` and `questions.jsonl` are journals.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { RuntimeEvent } from '../../../src/contract/runtime-event.ts';
import { ScannerServer, type Verdict } from '../../fakes/scanner-server.ts';
import { scannerFolder as folder } from '../stage/names.ts';

interface PolicyFile {
  readonly revision: string;
  readonly ttlSeconds?: number;
  /** The first whose text is in the image's name judges. None: `otherwise`. */
  readonly rules: readonly (Verdict & { readonly image: string })[];
  readonly otherwise: Verdict;
  /** Each call waits so long. */
  readonly delayMs?: number;
  /** `dead`: no answer at all; a number: that HTTP status in place of an answer; `nonsense`: 200 and what is no answer. */
  readonly fault?: 'dead' | 'nonsense' | number;
  /** Taken beside what Authority gives. */
  readonly staticToken?: string;
}

const mounted = (name: string): string => readFileSync(`/etc/scanner/${name}`, 'utf8');
let policy = readPolicy();

/** What cannot be read (a half written file) leaves the one before in force. */
function readPolicy(): PolicyFile {
  try {
    return JSON.parse(readFileSync(`${folder}/policy.json`, 'utf8')) as PolicyFile;
  } catch {
    return policy ?? { revision: 'none', rules: [], otherwise: { policyVerdict: 'error', reasons: ['policy.unreadable'] } };
  }
}

/** Digest of an image → build-ids that observers saw of it, in its programs and in what these had loaded. */
const buildIds = new Map<string, Set<string>>();

function remember({ workload, process, loadedLibs = [] }: RuntimeEvent): void {
  for (const digest of Object.values(workload.images)) {
    const known = buildIds.get(digest) ?? new Set();
    for (const { buildId } of [process ?? {}, ...loadedLibs] as { buildId?: string }[]) if (buildId !== undefined) known.add(buildId);
    buildIds.set(digest, known);
  }
}

function judge(image: string): Verdict {
  const { image: _, ...verdict } = policy.rules.find((rule) => image.includes(rule.image)) ?? { ...policy.otherwise, image: '' };
  const known = [...(buildIds.get(image.split('@')[1] ?? '') ?? [])];
  return { ...(known.length > 0 && { buildIds: known }), ...verdict };
}

const journal = (name: string, lines: readonly unknown[]): void => {
  if (lines.length > 0) appendFileSync(`${folder}/${name}.jsonl`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
};

// What it was told before it was started anew.
if (existsSync(`${folder}/events.jsonl`)) for (const line of readFileSync(`${folder}/events.jsonl`, 'utf8').split('\n')) if (line.endsWith('}')) remember(JSON.parse(line) as RuntimeEvent);

const scanner = await ScannerServer.start(
  { ca: mounted('ca.crt'), server: async () => ({ cert: mounted('tls.crt'), key: mounted('tls.key') }) },
  {
    jwks: { keys: [JSON.parse(mounted('authority.json')) as object] }, nonce: 'nonce-of-scanner', judge,
    onBatch: (batch) => {
      for (const { event } of batch.events) remember(event);
      journal('events', batch.events.map(({ event }) => ({ at: new Date().toISOString(), batchId: batch.batchId, ...event })));
      journal('gaps', batch.gaps ?? []);
    },
    onQuestion: (question) => journal('questions', [{ at: new Date().toISOString(), ...question }]),
    answer: () => {
      policy = readPolicy();
      Object.assign(scanner.options, { revision: policy.revision, ttlSeconds: policy.ttlSeconds ?? 300, delayMs: policy.delayMs ?? 0, staticToken: policy.staticToken });
      if (policy.fault === 'dead') return 'hang';
      if (policy.fault === 'nonsense') return { status: 200, body: '"nonsense"' };
      return policy.fault === undefined ? undefined : { status: policy.fault };
    },
  },
  { host: '0.0.0.0', port: 8443, origin: 'https://scanner.internal' },
);
createServer((request, response) => {
  const healthy = request.url === '/healthz/ready' && existsSync(folder) && readPolicy().fault === undefined;
  response.writeHead(healthy ? 200 : 503).end(healthy ? 'ready\n' : 'degraded\n');
}).listen(8080);
process.on('SIGTERM', () => process.exit(0));
console.log('scanner listens');
