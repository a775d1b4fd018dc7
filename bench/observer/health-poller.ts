/**
 * A thread that asks the observer's /healthz (its port is the thread's data) and a bare server in a thread of its own, in turn,
 * between `begin` and `end`, and then tells how long each answer took. Without a port it is that server.
 */
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, Worker, workerData } from 'node:worker_threads';

const pauseMs = 10;

function answerMs(port: number): Promise<number> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/healthz' }, (response) => response.resume().on('end', () => resolve(performance.now() - begun))).on('error', reject);
  });
}

if (workerData === null) {
  const server = createServer((_, response) => void response.end('ok'));
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
} else {
  const [bare] = (await once(new Worker(new URL(import.meta.url), { workerData: null }), 'message')) as [number];
  const seen = { observer: [] as number[], bare: [] as number[] };
  let timer: NodeJS.Timeout | undefined;
  const poll = async (): Promise<void> => {
    seen.observer.push(await answerMs(Number(workerData)));
    seen.bare.push(await answerMs(bare));
    timer?.refresh();
  };
  parentPort?.on('message', (step: 'begin' | 'end') => {
    if (step === 'begin') timer = setTimeout(() => void poll(), pauseMs);
    else parentPort?.postMessage(seen);
  });
  parentPort?.postMessage('ready');
}
