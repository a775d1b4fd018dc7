import { expect, test } from 'vitest';
import { toEvent, type Occurrence } from '../../../../src/runtime/observer/events/to-event.ts';
import { at, observed, workloadOf } from './occurrences.ts';

const origin = { tenant: 'acme', node: 'node-a', version: '2.4.2' };
const start: Occurrence = { kind: 'containerStart', at, bootId: 'boot', pid: 7, workload: workloadOf('c1'), process: observed.facts, loadedLibs: observed.libs, evidence: [] };
const idOf = (occurrence: Occurrence, from = origin): string => toEvent(from, occurrence).eventId;

test('is an envelope of the contract', () => {
  const { eventId, kind, when, body } = toEvent(origin, start);
  expect([eventId, kind, when]).toEqual([expect.stringMatching(/^sha256:[0-9a-f]{64}$/), 'containerStart', at.toISOString()]);
  expect(JSON.parse(body)).toEqual({
    schemaVersion: 'zastava.runtime.event@v1.0',
    event: { eventId, when, kind, tenant: 'acme', node: 'node-a', runtime: { engine: 'containerd', version: '2.4.2' }, workload: start.workload, process: start.process, loadedLibs: start.loadedLibs, evidence: [] },
  });
});

test('the same facts found out again, later and in another way, are the same event', () => {
  expect(idOf({ ...start, at: new Date(0), evidence: [{ signal: 'reconcile', value: 'x' }], posture: { imageSigned: true } }, { ...origin, version: '2.4.3' })).toBe(idOf(start));
  const stop: Occurrence = { ...start, kind: 'containerStop' };
  const { loadedLibs: _, ...poorer } = stop;
  expect(idOf({ ...poorer, evidence: [{ signal: 'exitStatus', value: '137' }] })).toBe(idOf(stop));
});

test('whatever tells two events apart tells their ids apart', () => {
  const others: Occurrence[] = [
    { ...start, kind: 'containerStop' },
    { ...start, bootId: 'another' },
    { ...start, workload: workloadOf('c2') },
    { ...start, pid: 8 },
    { ...start, process: { ...observed.facts, startTime: 100 } },
    { ...start, process: { ...observed.facts, buildId: 'ef'.repeat(20) } },
    { ...start, loadedLibs: [] },
    { ...start, loadedLibs: [{ path: '/lib/libc.so.6', sha256: '00' }] },
    { ...start, kind: 'drift', delta: { baselineImageDigest: '', changedFiles: ['/a'], newBinaries: [] } },
    { ...start, kind: 'drift', delta: { baselineImageDigest: '', changedFiles: [], newBinaries: ['/a'] } },
    { ...start, kind: 'policyViolation', distinction: 'rev-1' },
    { ...start, kind: 'policyViolation', distinction: 'rev-2' },
    { ...start, kind: 'attestationStatus', posture: { imageSigned: true, sbomReferrer: false } },
    { ...start, kind: 'attestationStatus', posture: { imageSigned: false, sbomReferrer: false } },
  ];
  const ids = [idOf(start), idOf(start, { ...origin, node: 'node-b' }), ...others.map((other) => idOf(other))];
  expect(new Set(ids).size).toBe(ids.length);
});
