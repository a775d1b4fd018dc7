import { once } from 'node:events';
import type { Server } from 'node:https';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { Agent } from 'node:https';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { metrics as catalogue } from '../../../src/contract/metrics.ts';
import { serverLimits } from '../../../src/contract/programs.ts';
import { Metrics } from '../../../src/runtime/telemetry/metrics.ts';
import type { Admit } from '../../../src/runtime/webhook/admit.ts';
import { InFlight, inFlightLimits } from '../../../src/runtime/webhook/in-flight.ts';
import { answerMs, createWebhookServer } from '../../../src/runtime/webhook/server.ts';
import { RecordedLog } from '../../fakes/recorded-log.ts';
import { TestPki, type TestCertificate } from '../../fakes/test-pki.ts';
import { answerOf, openReview, postReview } from '../../fakes/webhook-client.ts';

let pki: TestPki;
let pair: TestCertificate;
let server: Server;
let port: number;
let log: RecordedLog;
let metrics: Metrics;
let admit: Admit;
let agent: Agent;

const allowed = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'u', allowed: true, auditAnnotations: {} } } as unknown as Awaited<ReturnType<Admit>>;
const never = new Promise<never>(() => {});
/** Another test may have the processor. */
const slow = { timeout: 30_000 };

beforeAll(async () => {
  pki = await TestPki.make();
  pair = await pki.server();
});
beforeEach(async () => {
  [log, metrics, admit] = [new RecordedLog(), new Metrics('webhook', {}), async () => allowed];
  const certificate = { certificate: pair.cert, key: pair.key, notBefore: new Date(), notAfter: new Date() };
  server = createWebhookServer({ certificate, admit: (...asked) => admit(...asked), inFlight: new InFlight(metrics), draining: () => false, log: log.log, observeMs: () => {} });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  port = (server.address() as AddressInfo).port;
  agent = new Agent({ keepAlive: true, ca: pki.ca });
});
afterEach(async () => {
  agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
afterAll(() => agent.destroy());

const post = (body = '{}', path = '/validate?timeout=5s') => postReview(port, body, { agent, path });
const inflightBytes = async (): Promise<string> => new RegExp(`^${catalogue.inflightBytes.name} (\\d+)$`, 'm').exec((await metrics.render()).body)?.[1] ?? '';

/** A connection with its handshake done, and what it writes to the server. */
async function opened(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: pki.ca });
  await once(socket, 'secureConnect');
  socket.on('error', () => {});
  return socket;
}

async function headSent(): Promise<TLSSocket> {
  const socket = await opened();
  socket.write('POST /validate?timeout=2s HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"half');
  return socket;
}

describe('the time for an answer', () => {
  test.each([
    ['timeout=5s', 3900], ['timeout=3s', 1900], ['dryRun=1&timeout=4s', 2900], ['timeout=1s', 100], ['timeout=0s', 100],
    ['', 3900], ['timeout=soon', 3900], ['timeout=-3s', 3900], ['timeout=30s', 3900], ['xtimeout=1s', 3900],
  ])('is that of %j without rounding and the way back, and never longer than the manifests give: %d ms', (query, expected) => {
    expect(answerMs(query)).toBe(expected);
  });

  test('is what the decision is given', async () => {
    let left = 0;
    admit = async (_, deadlineAt) => {
      left = deadlineAt - performance.now();
      return allowed;
    };
    await post('{}', '/validate?timeout=3s');
    expect(left).toBeLessThanOrEqual(1900);
    expect(left).toBeGreaterThan(0);
  });

  test('is over for a review that does not come whole: the answer says what was waited for', async () => {
    const review = openReview(port, { agent, path: '/validate?timeout=1s', headers: { 'content-length': '1000' } });
    review.write('{"half');
    const { status, headers, body } = await answerOf(review);
    expect([status, headers.connection, body['detail']]).toEqual([408, 'close', 'the time for the answer was over while waiting for the rest of the review']);
    review.destroy();
    expect(log.find('the time for the answer was over while waiting for the rest of the review')).toBeDefined();
    expect(await inflightBytes()).toBe('0');
  });
});

describe('bad clients', () => {
  test('half a review and a closed connection: its place is free again', async () => {
    const sockets = await Promise.all(Array.from({ length: 20 }, headSent));
    await expect.poll(inflightBytes, slow).toBe(String(20 * '{"half'.length));
    for (const socket of sockets) socket.destroy();
    await expect.poll(inflightBytes, slow).toBe('0');
    expect(log.lines.map(({ msg }) => msg)).toEqual(Array(20).fill('connection closed before the whole review came'));
    expect((await post()).status).toBe(200);
  });

  test('slow headers: others are answered meanwhile, and the connection is cut', async () => {
    server.headersTimeout = 200;
    const sockets = await Promise.all(Array.from({ length: 50 }, opened));
    const closed = sockets.map((socket) => once(socket.resume(), 'close'));
    for (const socket of sockets) socket.write('POST /validate HTTP/1.1\r\nhost: x\r\n');
    expect((await post()).status).toBe(200);
    await Promise.all(closed);
    expect((await post()).status).toBe(200);
  });

  test('no handshake at all, and a handshake of nonsense: others are answered', async () => {
    const silent = await Promise.all(Array.from({ length: 200 }, async () => {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }));
    for (const socket of silent.slice(0, 100)) socket.write('GET / HTTP/1.1\r\n\r\n');
    expect((await post()).status).toBe(200);
    for (const socket of silent) socket.destroy();
  });

  test('more connections than there may be: those are dropped, and there is room again when others go', async () => {
    server.maxConnections = 10;
    const held = await Promise.all(Array.from({ length: 10 }, opened));
    const dropped: Socket = connectTcp(port, '127.0.0.1');
    dropped.on('error', () => {});
    await once(dropped, 'close');
    for (const socket of held) socket.destroy();
    await expect.poll(() => post().then(({ status }) => status, () => 0), slow).toBe(200);
  });

  test('what is no HTTP gets 400 and a closed connection', async () => {
    const socket = await opened();
    socket.write('\u0000\u0001\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    await once(socket, 'close');
  });

  test('a cipher without authenticated encryption is refused', async () => {
    const socket = connect({ host: '127.0.0.1', port, ca: pki.ca, maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toMatch(/HANDSHAKE_FAILURE/);
    const modern = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: pki.ca, maxVersion: 'TLSv1.2' });
    await once(modern, 'secureConnect');
    expect(modern.getCipher().name).toMatch(/GCM|CHACHA20/);
    modern.destroy();
  });
});

describe('overload', () => {
  test('beyond those that may ask, a review is answered at once by what is known', async () => {
    const asked: boolean[] = [];
    admit = async (_, __, overloaded = false) => {
      asked.push(overloaded);
      return overloaded ? allowed : never;
    };
    const waiting = Array.from({ length: inFlightLimits.askingMax }, () => post().catch(() => {}));
    await expect.poll(() => asked.length, slow).toBe(inFlightLimits.askingMax);
    expect((await post()).status).toBe(200);
    expect(asked.filter(Boolean)).toHaveLength(1);
    agent.destroy();
    await Promise.all(waiting);
  });

  test('beyond all places, and when the large ones are too many, a review is refused unread: the failurePolicy decides', async () => {
    let asked = 0;
    admit = () => {
      asked++;
      return never;
    };
    const large = JSON.stringify('x'.repeat(inFlightLimits.largeBytes));
    const waiting = Array.from({ length: inFlightLimits.largeMax }, () => post(large).catch(() => {}));
    await expect.poll(() => asked, slow).toBe(inFlightLimits.largeMax);
    const refusedLarge = await post(large);
    expect([refusedLarge.status, refusedLarge.headers['retry-after'], refusedLarge.body['detail']]).toEqual([503, '1', 'too many bytes, or too many large reviews, are being answered; the failurePolicy of the namespace decides']);
    waiting.push(...Array.from({ length: inFlightLimits.reviewsMax - inFlightLimits.largeMax }, () => post().catch(() => {})));
    await expect.poll(() => asked, slow).toBe(inFlightLimits.reviewsMax);
    const one = new Agent({ keepAlive: true, maxSockets: 1, ca: pki.ca });
    for (let count = 0; count < 3; count++) {
      const refused = await postReview(port, '{}', { agent: one });
      expect([refused.status, refused.headers.connection, refused.body['title']]).toEqual([503, 'keep-alive', 'overloaded']);
    }
    expect(log.lines.filter(({ scope }) => scope === 'admission.overload').length).toBeLessThan(4);
    one.destroy();
    agent.destroy();
    await Promise.all(waiting);
  });
});

describe('whatever is thrown', () => {
  test.each<[string, Admit, number]>([
    ['by a promise', async () => Promise.reject(new TypeError('oops')), 500],
    ['at once', () => { throw new TypeError('oops'); }, 500],
    ['that is no error', () => { throw 'oops' as unknown as Error; }, 500],
    ['as a refusal', async () => Promise.reject(new ZastavaError('admission.review-invalid', 'no uid', { problems: [] })), 400],
    ['by an answer that is no JSON', async () => ({ big: 1n }) as never, 500],
  ])('%s, is answered, and the next review too', async (_, thrown, status) => {
    admit = thrown;
    const { status: found, headers, body } = await post();
    expect([found, headers['content-type']]).toEqual([status, 'application/problem+json']);
    expect(body).not.toHaveProperty('response');
    expect(log.lines).toHaveLength(1);
    admit = async () => allowed;
    expect((await post()).status).toBe(200);
    expect(await inflightBytes()).toBe('0');
  });
});

test('a connection is closed after so many requests, so that new replicas get some', async () => {
  server.maxRequestsPerSocket = 3;
  const closing: (string | undefined)[] = [];
  for (let count = 0; count < 3; count++) closing.push((await post()).headers.connection);
  expect(closing).toEqual(['keep-alive', 'keep-alive', 'close']);
  expect(serverLimits.requestsPerConnectionMax).toBeGreaterThan(3);
});
