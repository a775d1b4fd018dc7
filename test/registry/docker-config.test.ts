import { describe, expect, test } from 'vitest';
import { parseDockerConfig } from '../../src/registry/docker-config.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const parse = (auths: object) => parseDockerConfig(JSON.stringify({ auths }), 'config');

describe('a docker config', () => {
  test('gives each host its own credentials, however they are written', () => {
    const credentials = parse({
      'registry.internal:5000': { username: 'zastava', password: 'pass:word' },
      'https://mirror.internal/v1/': { auth: Buffer.from('mirror:secret').toString('base64') },
    });
    expect([...credentials]).toEqual([['registry.internal:5000', basic('zastava:pass:word')], ['mirror.internal', basic('mirror:secret')]]);
  });

  test('gives none to a host that only looks like one of its own', () => {
    const credentials = parse({ 'registry.internal': { username: 'a', password: 'b' } });
    for (const host of ['registry.internal:5000', 'registry.internal.evil.example', 'evil-registry.internal', 'internal', 'REGISTRY.internal']) expect(credentials.get(host)).toBeUndefined();
  });

  test('knows Docker Hub by its names', () => {
    expect(parse({ 'https://index.docker.io/v1/': { username: 'a', password: 'b' } }).get('registry-1.docker.io')).toBe(basic('a:b'));
  });

  test('may be empty', () => {
    expect(parseDockerConfig('{}', 'config').size).toBe(0);
  });

  test.each([
    ['that is not JSON', '{"auths": {"a": {"password": "hunter2"'],
    ['that is a list', '[]'],
    ['whose auths are a list', '{"auths": ["hunter2"]}'],
    ['with an entry that is a text', '{"auths": {"a": "hunter2"}}'],
    ['with an entry without credentials', '{"auths": {"a": {"password": "hunter2"}}}'],
    ['with an auth that is not user:password', '{"auths": {"a": {"auth": "aHVudGVyMg=="}}}'],
  ])('%s is refused, and nothing of it is shown', (_, text) => {
    const refuse = () => parseDockerConfig(text, 'config');
    expect(refuse).toThrow(expect.objectContaining({ code: 'registry.credentials-invalid', message: expect.stringContaining('config') }));
    expect(refuse).not.toThrow(/hunter2|aHVudGVyMg/);
  });
});
