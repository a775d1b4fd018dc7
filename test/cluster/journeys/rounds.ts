/**
 * Rounds of work with faults placed at random, from a printed seed (`ROUNDS_SEED` repeats one, `ROUNDS` says how many): whatever fails,
 * no unsigned image is admitted where it is enforced, and every container that ran is known to Scanner or its loss declared.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../../peers/harness/commands.ts';
import { ctr } from '../stage/node.ts';
import { everythingAccounted, type Accounts } from './accounts.ts';
import { settle } from './installation.ts';
import { sitePolicy, type Walk } from './walk.ts';

const namespace = 'faults';

interface Round {
  readonly faults: readonly { readonly name: string; readonly afterMs: number }[];
  readonly pods: readonly { readonly afterMs: number; readonly command: readonly string[] }[];
}

/** Numbers below 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function rounds(walk: () => Walk): void {
  const count = Number(process.env['ROUNDS'] ?? 5);
  const seed = Number(process.env['ROUNDS_SEED'] ?? Date.now() % 1_000_000);

  const kill = async (app: string): Promise<boolean> => {
    const { stage } = walk();
    const [id] = (await stage.kubectl('-n', 'stellaops', 'get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[*].status.containerStatuses[0].containerID}')).split(' ');
    return (await stage.room.run(...ctr('tasks', 'kill', '--signal', 'SIGKILL', id!.replace('containerd://', '')))).code === 0;
  };
  const scanner = async (fault: string | number): Promise<void> => {
    walk().stage.setPolicy({ ...sitePolicy, fault });
    await sleep(6_000);
    walk().stage.setPolicy(sitePolicy);
  };
  /** What gives false did not strike: the container was down already. */
  const faults: Readonly<Record<string, () => Promise<unknown>>> = {
    'the observer is killed': () => kill('zastava-observer'),
    'a webhook is killed': () => kill('zastava-webhook'),
    'containerd restarts': () => walk().stage.restartContainerd(),
    'Scanner is dead': () => scanner('dead'),
    'Scanner fails': () => scanner(503),
    'Scanner talks nonsense': () => scanner('nonsense'),
    'Authority is made anew': () => walk().stage.kubectl('-n', 'authority', 'delete', 'pods', '--all', '--force', '--grace-period=0'),
  };
  /** Only while one of these is down or comes back may a container be missed. */
  const blinds = (name: string): boolean => ['the observer is killed', 'containerd restarts'].includes(name);
  /** Scanner has one fault at a time. */
  const isFirstOfScanner = (name: string, at: number, all: readonly string[]): boolean => !name.startsWith('Scanner') || all.findIndex((each) => each.startsWith('Scanner')) === at;

  /** Draws all of a round before anything of it happens: the same seed gives the same rounds, however fast the machine is. */
  function plan(draw: () => number): Round {
    const names = Object.keys(faults);
    const chosen = [...new Set(Array.from({ length: 1 + Math.floor(draw() * 2) }, () => names[Math.floor(draw() * names.length)]!))].filter(isFirstOfScanner);
    return {
      faults: chosen.map((name) => ({ name, afterMs: draw() * 3_000 })),
      pods: Array.from({ length: 6 }, () => ({ afterMs: draw() * 6_000, command: draw() < 0.5 ? ['/usr/bin/true'] : ['/usr/bin/sleep', '1000000'] })),
    };
  }

  /** Asks for what must be admitted, since its namespace fails open, and for what must not. Gives what went wrong. */
  async function ask(name: string, command: readonly string[]): Promise<string[]> {
    const { payments, unsigned } = walk().workloads;
    const pod = walk().pod(name, namespace, payments, { command }) as { spec: object };
    const admitted = await walk().create({ ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } });
    const refused = await walk().create(walk().pod(`refused-${name}`, 'payments', unsigned));
    return [...(admitted.code === 0 ? [] : [`${name} was refused: ${admitted.stderr}`]), ...(refused.code === 0 ? [`refused-${name} was admitted`] : [])];
  }

  /** @returns what struck, how many containers ran, and how many of them are declared lost */
  async function run(round: Round, at: number): Promise<Accounts & { readonly struck: readonly string[] }> {
    const gaps = walk().stage.journal('gaps').length;
    const [struck, wrong] = await Promise.all([
      Promise.all(round.faults.map(async ({ name, afterMs }) => {
        await sleep(afterMs);
        return (await faults[name]!()) === false ? `${name} (not struck)` : name;
      })),
      Promise.all(round.pods.map(async ({ afterMs, command }, pod) => {
        await sleep(afterMs);
        return ask(`round-${at}-${pod}`, command);
      })),
    ]);
    expect(wrong.flat()).toEqual([]);
    await eventually(async () => {
      const pending = await walk().stage.kubectl('-n', namespace, 'get', 'pods', '--field-selector=status.phase=Pending', '-o', 'name');
      if (pending !== '') throw new Error(`not started: ${pending}`);
    }, 120);
    // The observer may wait for its restart: the kubelet doubles the pause with each kill.
    const accounts = await everythingAccounted(walk(), namespace, gaps, 400);
    await walk().stage.kubectl('-n', 'stellaops', 'rollout', 'status', 'ds/zastava-observer', '--timeout=400s');
    // A node that is ever fuller would make each round another one.
    await walk().stage.kubectl('-n', namespace, 'delete', 'pods', '--all', '--force', '--grace-period=0');
    return { ...accounts, struck };
  }

  test(`${count} rounds of faults from seed ${seed}: no loss is undeclared, no admission is wrong`, async () => {
    const since = Date.now();
    const { stage } = walk();
    const draw = random(seed);
    stage.setPolicy(sitePolicy);
    await stage.kubectl('create', 'namespace', namespace);
    await settle(walk(), { cacheTtlSeconds: 3, failOpenNamespaces: [{ name: namespace }] });
    const rows: string[] = [];
    let before: readonly string[] = [];
    for (let at = 1; at <= count; at++) {
      const round = plan(draw);
      const names = round.faults.map(({ name }) => name);
      const { struck, ran, declared } = await run(round, at).catch((error: unknown) => {
        throw new Error(`round ${at} of seed ${seed}: ${names.join(', ')}: ${(error as Error).message}`, { cause: error });
      });
      // What the round before did to the stream may end in this one.
      if (![...before, ...names].some(blinds)) expect(declared, `round ${at} of seed ${seed}: ${names.join(', ')}`).toBe(0);
      before = names;
      rows.push(`| ${at} | ${struck.join(', ')} | ${round.pods.length} of ${round.pods.length} | ${ran} | ${declared} | 0 | 0 |`);
      process.stderr.write(`${rows.at(-1)}\n`);
    }
    walk().append([`Faults from seed ${seed}`, '', '| round | faults | Pods admitted | containers | declared lost | wrong admissions | undeclared losses |', '|---|---|---|---|---|---|---|', ...rows].join('\n'));
    walk().count('faults at random', '4', since, `${count} rounds, ${stage.journal('events').length} events, ${stage.journal('gaps').length} gaps declared`);
  }, 300_000 + count * 960_000);
}
