import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bearerOpTok, type OpTok } from '../../../src/runtime/authority/op-tok.ts';
import { TokenRequestError } from '../../../src/runtime/authority/token-request.ts';
import { backOffMs, CachedTokenSource } from '../../../src/runtime/authority/token-source.ts';

const second = 1000;
const forever = Number.POSITIVE_INFINITY;
let asked = 0;
const sources: CachedTokenSource[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
});
afterEach(() => {
  for (const source of sources.splice(0)) source.close();
  vi.useRealTimers();
});

function sourceOf(request: () => Promise<OpTok>, rest: { readonly standInMs?: number } = {}): CachedTokenSource {
  const source = new CachedTokenSource({ request: () => (asked++, request()), skewMs: 120 * second, ...rest });
  sources.push(source);
  return source;
}

const living = (seconds: number) => async () => bearerOpTok(`token-${asked}`, new Date(Date.now() + seconds * second), 'authority');
const failing = (retryAfterMs?: number) => async () => {
  throw new TokenRequestError('authority.unavailable', `failure ${asked}`, { retryAfterMs });
};

describe('renews', () => {
  test.each([
    ['120 s before the end of a long token', 3600, 3480],
    ['at two thirds of the life of a short one', 300, 200],
  ])('%s, by itself', async (_, life, at) => {
    const source = sourceOf(living(life));
    const first = await source.get(forever);
    await vi.advanceTimersByTimeAsync((at - 1) * second);
    expect([asked, await source.get(forever)]).toEqual([1, first]);
    await vi.advanceTimersByTimeAsync(2 * second);
    expect(asked).toBe(2);
    expect(await source.get(forever)).not.toBe(first);
  });

  test('a token of a hundred days without a storm, and one of no life as well', async () => {
    await sourceOf(living(100 * 86_400)).get(forever);
    await vi.advanceTimersByTimeAsync(3600 * second);
    expect(asked).toBe(1);
    await sourceOf(living(0.001)).get(forever);
    await vi.advanceTimersByTimeAsync(10 * second);
    expect(asked).toBeLessThan(25);
  });

  test('while the old token serves, whatever happens to the new one', async () => {
    let request: () => Promise<OpTok> = living(300);
    const source = sourceOf(() => request());
    const first = await source.get(forever);
    request = failing();
    await vi.advanceTimersByTimeAsync(290 * second);
    expect(asked).toBeGreaterThan(3);
    expect(await source.get(forever)).toBe(first);
    await vi.advanceTimersByTimeAsync(11 * second);
    await expect(source.get(forever)).rejects.toMatchObject({ code: 'authority.unavailable' });
  });

  test('at once on a change of key, and nothing that was on its way before counts', async () => {
    const answers: ((token: OpTok) => void)[] = [];
    const source = sourceOf(() => new Promise((resolve) => answers.push(resolve)));
    const [early, before] = [source.get(forever), bearerOpTok('before', new Date(Date.now() + 60_000), 'authority')];
    source.renewNow();
    const [late, after] = [source.get(forever), bearerOpTok('after', new Date(Date.now() + 60_000), 'authority')];
    answers[1]!(after);
    expect(await late).toBe(after);
    answers[0]!(before);
    expect(await early).toBe(before);
    expect([asked, await source.get(forever)]).toEqual([2, after]);
  });
});

describe('backs off', () => {
  test('from about 1 s to 30 s, and tells all who ask of the last failure meanwhile', async () => {
    const source = sourceOf(failing());
    await expect(source.get(forever)).rejects.toThrow('failure 1');
    await expect(source.get(forever)).rejects.toThrow('failure 1');
    expect(asked).toBe(1);
    const times: number[] = [];
    for (let last = asked, ms = 0; times.length < 8; ms += 100) {
      await vi.advanceTimersByTimeAsync(100);
      if (asked > last) times.push(ms);
      last = asked;
    }
    const waits = times.map((at, index) => at - (times[index - 1] ?? 0));
    expect(waits[0]).toBeLessThanOrEqual(backOffMs.first + 100);
    for (const wait of waits.slice(-2)) expect(wait).toBeGreaterThanOrEqual(backOffMs.last / 2 - 100);
    for (const wait of waits) expect(wait).toBeLessThanOrEqual(backOffMs.last + 100);
  });

  test('as long as Authority asks, within reason', async () => {
    const source = sourceOf(failing(90 * second));
    await expect(source.get(forever)).rejects.toThrow('failure 1');
    await vi.advanceTimersByTimeAsync(89 * second);
    expect(asked).toBe(1);
    await vi.advanceTimersByTimeAsync(2 * second);
    expect(asked).toBe(2);
    const unreasonable = sourceOf(failing(forever));
    await expect(unreasonable.get(forever)).rejects.toThrow('failure 3');
    await vi.advanceTimersByTimeAsync(backOffMs.askedMax + second);
    expect(asked).toBeGreaterThan(4);
  });

  test('but asks before the held token ends when there may be a stand-in then, once', async () => {
    let request: () => Promise<OpTok> = living(300);
    const source = sourceOf(() => request(), { standInMs: 20 * second });
    await source.get(forever);
    request = failing(600 * second);
    await vi.advanceTimersByTimeAsync(279 * second);
    expect(asked).toBe(2);
    await vi.advanceTimersByTimeAsync(2 * second);
    expect(asked).toBe(3);
    await vi.advanceTimersByTimeAsync(300 * second);
    expect(asked).toBe(3);
  });
});

test('waits no longer than until the deadline, and lets the others wait on', async () => {
  let answer: (token: OpTok) => void = () => {};
  const source = sourceOf(() => new Promise((resolve) => (answer = resolve)));
  const [impatient, patient] = [source.get(performance.now() + 100), source.get(forever)];
  const refused = expect(impatient).rejects.toMatchObject({ code: 'authority.unavailable', message: expect.stringContaining('the time was over') });
  await vi.advanceTimersByTimeAsync(100);
  await refused;
  const token = bearerOpTok('late', new Date(Date.now() + 60_000), 'authority');
  answer(token);
  expect([await patient, asked]).toEqual([token, 1]);
});

test('drops what it has, once, and what is on its way', async () => {
  const source = sourceOf(living(300));
  await source.get(forever);
  expect([source.drop(), source.drop()]).toEqual([true, false]);
  await source.get(forever);
  expect(asked).toBe(2);
});
