import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERSION } from '#core/version.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('the native core, the processes and package.json say the same version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(read('native/src/base/version.h')).toContain(`kVersion[] = "${version}"`);
  expect(VERSION).toBe(version);
});
