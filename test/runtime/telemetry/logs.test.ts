import { expect, test } from 'vitest';
import { ZastavaError } from '../../../src/contract/errors.ts';
import { describeError } from '../../../src/runtime/telemetry/logs.ts';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const logs = join(import.meta.dirname, '../../../src/runtime/telemetry/logs.ts');

/** The lines that a process writes which runs this code with a `log`. */
function linesOf(code: string): Record<string, unknown>[] {
  const program = `import { createLog } from ${JSON.stringify(logs)}; const log = createLog('webhook'); ${code}`;
  const output = execFileSync(process.execPath, ['--input-type=module-typescript', '--eval', program], { encoding: 'utf8' });
  return output.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line is one JSON object with UTC time, level by name, component and scope, and without pid and host name', () => {
  const [line] = linesOf(`log.child({ scope: 'x.y' }).warn({ count: 2 }, 'twice')`);
  expect(line).toEqual({ level: 'warn', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/), component: 'webhook', scope: 'x.y', count: 2, msg: 'twice' });
});

test('the last line before an exit is written', () => {
  expect(linesOf(`for (let i = 0; i < 2000; i++) log.info({ i }, 'x'.repeat(100)); process.exit(0);`).at(-1)).toMatchObject({ i: 1999 });
});

test('secrets are blanked by their field names, three levels deep', () => {
  const [line] = linesOf(`log.info({ token: 's3cret', headers: { authorization: 's3cret', dpop: 's3cret' }, a: { b: { password: 's3cret', user: 'u' } } })`);
  expect(JSON.stringify(line)).not.toContain('s3cret');
  expect(line).toMatchObject({ headers: { authorization: '[redacted]' }, a: { b: { user: 'u' } } });
});

test('an error of ours is told by code, message, problems and cause', () => {
  const problems = [{ where: 'a.b', expected: 'a text', found: 'nothing' }];
  const error = new ZastavaError('environment', 'cannot do it', { problems, cause: new Error('EACCES') });
  expect(describeError(error)).toEqual({ code: 'environment', message: 'cannot do it', problems, cause: 'EACCES' });
});

test('an error that nobody foresaw is told with its stack', () => {
  expect(describeError(new TypeError('x is undefined'))).toEqual({ code: 'internal', message: 'x is undefined', stack: expect.stringContaining('logs.test.ts') });
  expect(describeError('odd')).toEqual({ code: 'internal', message: 'odd' });
});
