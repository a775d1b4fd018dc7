import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { parseSettings } from '../../../src/runtime/telemetry/settings.ts';

test('an empty environment gives what the manifests count on', () => {
  expect(parseSettings({}, 'webhook')).toEqual({ configPath: '/etc/zastava/values.json', telemetryPort: 8080, webhookPort: 8443, tlsDir: '/etc/zastava/tls', drainSeconds: 10, authorityDir: '/etc/zastava/authority', scratchDir: '/var/run/zastava', bufferDir: '/var/lib/zastava', nodeName: hostname() });
  expect(parseSettings({ NODE_NAME: 'node-a' }, 'observer').nodeName).toBe('node-a');
  expect(parseSettings({}, 'observer').drainSeconds).toBe(0);
});

test('every variable that is wrong is named at once', () => {
  const env = { ZASTAVA_TELEMETRY_PORT: '70000', ZASTAVA_WEBHOOK_PORT: 'https', ZASTAVA_DRAIN_SECONDS: '-1' };
  const error = (() => {
    try {
      return parseSettings(env, 'webhook');
    } catch (caught) {
      return caught;
    }
  })();
  expect(error).toBeInstanceOf(ZastavaError);
  expect(error).toMatchObject({
    code: 'usage',
    problems: [
      { where: 'ZASTAVA_TELEMETRY_PORT', expected: 'a whole number from 0 to 65535', found: '"70000"' },
      { where: 'ZASTAVA_WEBHOOK_PORT', found: '"https"' },
      { where: 'ZASTAVA_DRAIN_SECONDS', found: '"-1"' },
    ],
  });
});

test('a drain that would outlive the grace period is refused', () => {
  expect(() => parseSettings({ ZASTAVA_DRAIN_SECONDS: '20' }, 'webhook')).toThrow(ZastavaError);
  expect(parseSettings({ ZASTAVA_DRAIN_SECONDS: '19' }, 'webhook').drainSeconds).toBe(19);
});
