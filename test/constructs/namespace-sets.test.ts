/** That each namespace falls under the one webhook configuration that its mode asks for. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { namespaceSets } from '../../src/constructs/namespace-sets.ts';

const modes = ['enforce', 'warn', 'audit'] as const;
const pool = Array.from({ length: 12 }, (_, index) => `ns-${index}`);

/** What the contract says of one namespace, in a list that is never contradictory. */
const role = fc.constantFrom('unnamed', 'excluded', 'failOpen', ...modes);

const settings = fc.record({ mode: fc.constantFrom(...modes), roles: fc.array(role, { minLength: pool.length, maxLength: pool.length }) }).map(({ mode, roles }) => {
  const having = (wanted: string) => pool.filter((_, index) => roles[index] === wanted);
  // Fail-open takes effect where a namespace is enforced; where that is not the default, it is named as well.
  const failOpen = having('failOpen');
  const named = [...modes.flatMap((each) => having(each).map((name) => [name, each] as const)), ...(mode === 'enforce' ? [] : failOpen.map((name) => [name, 'enforce'] as const))];
  return {
    enforcement: { default: mode, namespaces: Object.fromEntries(named) },
    failOpenNamespaces: failOpen.map((name) => ({ name })),
    excludedNamespaces: ['kube-system', ...having('excluded')],
  };
});

const selects = (notIn: readonly string[], only: readonly string[], name: string) =>
  notIn.length > 0 ? !notIn.includes(name) : only.includes(name);

describe('the two webhook configurations', () => {
  test('divide all namespaces between them: excluded to none, enforced ones without fail-open to Fail, the rest to Ignore', () => {
    fc.assert(fc.property(settings, (webhook) => {
      const sets = namespaceSets(webhook);
      for (const name of [...pool, 'kube-system', 'never-heard-of']) {
        const excluded = webhook.excludedNamespaces.includes(name);
        const enforced = (webhook.enforcement.namespaces[name] ?? webhook.enforcement.default) === 'enforce';
        const failOpen = webhook.failOpenNamespaces.some((entry) => entry.name === name);
        expect([name, selects(sets.failNotIn, sets.failIn, name)]).toEqual([name, !excluded && enforced && !failOpen]);
        expect([name, selects(sets.ignoreNotIn, sets.ignoreIn, name)]).toEqual([name, !excluded && (!enforced || failOpen)]);
      }
    }), { numRuns: 500 });
  });

  test('list each name once, sorted', () => {
    fc.assert(fc.property(settings, (webhook) => {
      for (const list of Object.values(namespaceSets(webhook)) as string[][]) expect(list).toEqual([...new Set(list)].sort());
    }));
  });
});
