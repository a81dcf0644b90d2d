import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folders = ['test/fault', 'test/flow', 'test/rules'].map((name) => join(root, name));
/** Parts that a test fills in are stars. */
const plain = (id: string): string => id.replaceAll(/\$\{end\}|%s/g, '*');

const pages = ['docs/reliability.md', 'docs/security.md'];

test('docs/reliability.md and docs/security.md name every cell and rule that a test names, and no other', () => {
  const told = pages
    .flatMap((page) => [...readFileSync(join(root, page), 'utf8').matchAll(/^\| (`.*?`) \|/gm)])
    .flatMap(([, cell = '']) => cell.split(', '))
    .map((cell) => cell.replaceAll('`', ''));
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => join(folder, file)),
  );
  const tested = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/['`]\[([a-z][a-z0-9${}%-]+)\]? ?/g)].map(([, id = '']) =>
      plain(id).replace(/:$/, ''),
    ),
  );
  expect(tested.length).toBeGreaterThan(70);
  expect([...new Set(told)].sort()).toEqual([...new Set(tested)].sort());
});
