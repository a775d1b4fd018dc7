/**
 * Asks a webhook, and prints what it saw as JSON: in a process of its own, so that its work is not counted as the server's.
 * Arguments: ports (with commas), reviews file, requests, rate a second (0: as fast as it goes), connections.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

const [, , portList = '', reviewsPath = '', requestCount = '0', rate = '0', connections = '25'] = process.argv;
const ports = portList.split(',').map(Number);
const reviews = (JSON.parse(readFileSync(reviewsPath, 'utf8')) as string[]).map((text) => Buffer.from(text));
const agents = ports.map(() => new Agent({ keepAlive: true, maxSockets: Math.ceil(Number(connections) / ports.length), rejectUnauthorized: false }));
const total = Number(requestCount);
const latencies = new Float64Array(total);
let [next, denied, failed] = [0, 0, 0];

function ask(index: number, dueAt: number): Promise<void> {
  const body = reviews[index % reviews.length]!;
  const turn = index % ports.length;
  return new Promise((resolve) => {
    const done = (): void => {
      latencies[index] = performance.now() - dueAt;
      resolve();
    };
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const asked = request({ host: '127.0.0.1', port: ports[turn], path: '/validate?timeout=5s', method: 'POST', agent: agents[turn], headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => {
        if (response.statusCode !== 200) failed++;
        else if (!text.includes('"allowed":true')) denied++;
        done();
      });
    });
    asked.on('error', () => {
      failed++;
      done();
    }).end(body);
  });
}

const start = performance.now();
if (Number(rate) === 0) {
  await Promise.all(Array.from({ length: Number(connections) }, async () => {
    while (next < total) await ask(next++, performance.now());
  }));
} else {
  const answers: Promise<void>[] = [];
  // A request's time runs from when it was due: a server that stalls does not get fewer.
  while (next < total) {
    const due = start + (next / Number(rate)) * 1000;
    const wait = due - performance.now();
    if (wait > 1) await sleep(wait);
    answers.push(ask(next++, Math.max(due, performance.now() - 1000)));
  }
  await Promise.all(answers);
}
const seconds = (performance.now() - start) / 1000;
const sorted = latencies.toSorted();
const at = (part: number): number => sorted[Math.min(total - 1, Math.floor(total * part))]!;
console.log(JSON.stringify({ perSecond: total / seconds, p50: at(0.5), p95: at(0.95), p99: at(0.99), p999: at(0.999), denied, failed }));
process.exit(0);
