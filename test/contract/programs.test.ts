import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { programVersion, serverLimits, shutdownLimits } from '../../src/contract/programs.ts';

test('the webhook keeps an idle connection longer than the API server does', () => {
  expect(serverLimits.keepAliveMs).toBeGreaterThan(serverLimits.apiServerIdleMs);
});

test('the headers of a request have less time than the whole', () => {
  expect(serverLimits.headersMs).toBeLessThan(serverLimits.requestMs);
});

test('a review of two objects of the largest size that the API server takes fits', () => {
  expect(serverLimits.bodyBytesMax).toBeGreaterThan(2 * 3 * 1024 * 1024);
});

test('a request in flight may take as long as the API server waits for it', () => {
  expect(shutdownLimits.inFlightMs).toBeGreaterThan(serverLimits.admissionTimeoutSeconds * 1000);
});

test('draining ends before the kubelet kills', () => {
  for (const serveOnSeconds of Object.values(shutdownLimits.serveOnSeconds)) {
    expect(serveOnSeconds + shutdownLimits.inFlightMs / 1000).toBeLessThan(shutdownLimits.terminationGraceSeconds);
  }
});

test('the programs have the version of the package', () => {
  expect(programVersion).toBe(packageJson.version);
});
