import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { adminKey, clusterKeys, loadConfig, requireLoopbackWithoutKey } from '#core/config.ts';
import { BatonError } from '#core/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'baton-config-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const load = (yaml: string, env: Record<string, string> = {}, sets: string[] = []) =>
  loadConfig({ file: write('baton.yaml', yaml), env, sets });
const complaint = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(BatonError);
    expect((error as BatonError).code).toBe('bad_config');
    return (error as BatonError).rawMessage;
  }
  throw new Error('nothing was thrown');
};

describe('settings', () => {
  test('an empty file gives the documented defaults', () => {
    const config = load('');
    expect(config.router.port).toBe(8000);
    expect(config.router.admin.host).toBe('127.0.0.1');
    expect(config.engine.chunk_tokens).toBe(256);
  });
  test('the environment wins over the file and --set wins over both', () => {
    const yaml = 'router: {port: 1, name: file}';
    expect(load(yaml, { BATON_ROUTER__PORT: '2' }).router).toMatchObject({ port: 2, name: 'file' });
    expect(load(yaml, { BATON_ROUTER__PORT: '2' }, ['router.port=3']).router.port).toBe(3);
    expect(load(yaml, {}, ['router.admin={port: 9}']).router.admin.port).toBe(9);
  });
  test('other variables of the environment are left alone', () => {
    expect(load('', { PATH: '/bin', BATON_CLUSTER_KEY: 'x' }).router.port).toBe(8000);
  });
});

describe('a wrong configuration names the key, the value and the fix', () => {
  test.each([
    ['router: {port: 70000}', ['router.port', '70000', '0 to 65535']],
    ['router: {prot: 1}', ['router', 'prot', 'spelling']],
    [
      'router: {placement: {mode: sometimes}}',
      ['router.placement.mode', 'sometimes', 'auto, disaggregated or local'],
    ],
    ['transfer: {arena: {bytes: 12}}', ['transfer.arena.bytes', '12', '1 MiB']],
    [
      'router: {engines: [{name: "a b", url: "http://x", role: both, model: m}]}',
      ['router.engines.0.name', 'a b'],
    ],
    ['- a list', ['mapping']],
    ['router: {port: [', ['baton.yaml']],
  ])('%s', (yaml, words) => {
    const message = complaint(() => load(yaml));
    for (const word of words) expect(message).toContain(word);
  });
  test('a tenant secret never stands in the message', () => {
    const message = complaint(() => load('tenants: [{name: a, secret: shortsecret, keys: []}]'));
    expect(message).toContain('tenants.0.secret');
    expect(message).not.toContain('shortsecret');
  });
  test.each([
    ['a section of the wrong shape', 'tenants: {name: a, secret: SECRET}'],
    ['a missing key', 'tenants: [SECRET]'],
    ['an alias', 'tenants: [{name: a, secret: *SECRET}]'],
    ['a block header', 'tenants:\n  - secret: |SECRET'],
    ['a key', 'tenants: [{name: a, secret:SECRET}]'],
    ['a tag', 'tenants:\n  - secret: !SECRET x'],
  ])('nor does one that YAML or the schema takes for %s', (_, yaml) => {
    const warned: unknown[] = [];
    const seen = vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void warned.push(warning));
    const message = complaint(() => load(yaml));
    seen.mockRestore();
    expect(message).toMatch(/tenants|not YAML/);
    expect(`${message} ${String(warned)}`).not.toContain('SECRET');
  });
  test('a value that contains itself is named by its kind', () => {
    expect(complaint(() => load('router: &a {host: *a}'))).toContain('router.host = a mapping');
  });
  test('a missing file is named', () => {
    expect(complaint(() => loadConfig({ file: join(folder, 'none.yaml'), env: {}, sets: [] }))).toContain(
      'none.yaml',
    );
  });
  test('a setting that is not key=value is refused', () => {
    expect(complaint(() => load('', {}, ['hunter2']))).toMatch(/^(?!.*hunter2).*--set path\.to\.key=value/);
    expect(complaint(() => load('', {}, ['__proto__=1']))).toContain('no such key');
  });
});

describe('cluster keys', () => {
  const first = 'a'.repeat(32);
  const second = 'b'.repeat(40);
  test('come from files without their newline, then from the environment, the proving one first', () => {
    const config = load(`cluster: {key_files: [${write('key', `${first}\n`)}]}`);
    const keys = clusterKeys(config, { BATON_CLUSTER_KEY_PREVIOUS: second }).map((k) =>
      Buffer.from(k).toString(),
    );
    expect(keys).toEqual([first, second]);
  });
  test('shorter than 32 bytes are refused without being shown', () => {
    const message = complaint(() => clusterKeys(load(''), { BATON_CLUSTER_KEY: 'tooshort' }));
    expect(message).toContain('at least 32');
    expect(message).not.toContain('tooshort');
  });
  test('there is no default: without one only loopback is bound', () => {
    expect(clusterKeys(load(''), {})).toEqual([]);
    expect(complaint(() => { requireLoopbackWithoutKey([], 'router.host', '0.0.0.0'); })).toContain('router.host'); // prettier-ignore
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost'])
      requireLoopbackWithoutKey([], 'router.host', host);
    requireLoopbackWithoutKey([Buffer.from(first)], 'router.host', '0.0.0.0');
  });
});

describe('the admin key', () => {
  const key = 'k'.repeat(32);
  const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();
  test('comes from its file without the newline, or from the environment', () => {
    const config = load(`router: {admin: {key_file: ${write('admin-key', `${key}\n`)}}}`);
    expect(text(adminKey(config, {}))).toBe(key);
    expect(text(adminKey(load('', { BATON_ADMIN_KEY: key }), { BATON_ADMIN_KEY: key }))).toBe(key);
    expect(adminKey(load(''), { BATON_ADMIN_KEY: '' })).toBeNull();
    expect(complaint(() => adminKey(config, { BATON_ADMIN_KEY: key }))).toContain('router.admin.key_file');
  });
  test('shorter than 32 bytes is refused without being shown, a file that is not there by its name', () => {
    const message = complaint(() => adminKey(load(''), { BATON_ADMIN_KEY: 'tooshort' }));
    expect(message).toContain('admin key from BATON_ADMIN_KEY has 8 bytes: at least 32');
    expect(message).not.toContain('tooshort');
    const missing = load('router: {admin: {key_file: /none/admin-key}}');
    expect(complaint(() => adminKey(missing, {}))).toContain(
      'router.admin.key_file: cannot read /none/admin-key',
    );
  });
});
