import { describe, expect, test } from 'vitest';
import { alertThresholds, checkAlertThresholds } from '../../src/contract/alerts.ts';
import type { AlertThresholds } from '../../src/contract/alerts.ts';

const broken: readonly (readonly [string, Partial<AlertThresholds>])[] = [
  ['the upgrade gate lies below the P95 alert', { upgradeP95MsMax: 750 }],
  ['the P95 alert lies below the P99 alert', { backendP99MsMax: 500 }],
  ['the admission alert lies below what the API server waits', { admissionP99MsMax: 5000 }],
  ['every latency is a bucket edge', { backendP95MsMax: 700 }],
  ['a rate window holds at least four scrapes', { denyWindowMinutes: 1 }],
  ['a rate window holds at least four scrapes', { scrapeSecondsMax: 60 }],
  ['the buffer alert comes before it is full', { bufferFillRatioMax: 1 }],
];

describe('the thresholds of the alerts', () => {
  test('agree with each other', () => {
    expect(() => checkAlertThresholds(alertThresholds)).not.toThrow();
  });

  test.each(broken)('are refused when not true: %s', (relation, mutation) => {
    expect(() => checkAlertThresholds({ ...alertThresholds, ...mutation }))
      .toThrow(expect.objectContaining({ code: 'internal', problems: [expect.objectContaining({ expected: relation })] }));
  });
});
