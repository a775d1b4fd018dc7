import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ContainerdTasks, type TaskStep } from '../../../../src/runtime/observer/sources/containerd-tasks.ts';

const at = (second: number): Date => new Date(second * 1000);
const brief = (steps: readonly TaskStep[]): string[] => steps.map(({ kind, pid }) => `${kind} ${pid}`);

test('tells of a program that was over before its start was told, once, and not as if it began after its end', () => {
  const tasks = new ContainerdTasks();
  expect(tasks.stop('c', 1, at(1), 3)).toEqual([]);
  expect(tasks.start('c', 1, at(2))).toEqual([{ kind: 'start', id: 'c', pid: 1, at: at(1) }, { kind: 'stop', id: 'c', pid: 1, at: at(1), exitStatus: 3 }]);
  expect(tasks.start('c', 1, at(2))).toEqual([]);
  expect(tasks.stop('c', 1, at(1))).toEqual([]);
  expect(tasks.running()).toEqual([]);
});

test('does not start again by a late copy of a start, but by a new start of the same pid', () => {
  const tasks = new ContainerdTasks();
  expect(brief(tasks.start('c', 1, at(2)))).toEqual(['start 1']);
  expect(brief(tasks.stop('c', 1, at(1)))).toEqual(['stop 1']);
  expect(tasks.start('c', 1, at(2))).toEqual([]);
  expect(brief(tasks.start('c', 1, at(3)))).toEqual(['start 1']);
});

test('tells starts and stops of a container in turns, each pid with its own, whatever comes', () => {
  const event = fc.record({ kind: fc.constantFrom('start', 'stop'), pid: fc.integer({ min: 1, max: 3 }), second: fc.integer({ min: 0, max: 9 }) });
  fc.assert(fc.property(fc.array(event, { maxLength: 60 }), (events) => {
    const tasks = new ContainerdTasks();
    let open: number | undefined;
    for (const { kind, pid, second } of events) {
      for (const step of kind === 'start' ? tasks.start('c', pid, at(second)) : tasks.stop('c', pid, at(second))) {
        if (step.kind === 'start') expect(open).toBeUndefined();
        else expect(open).toBe(step.pid);
        open = step.kind === 'start' ? step.pid : undefined;
      }
      expect(tasks.pidOf('c')).toBe(open);
    }
  }));
});
