import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BUGS } from '../sim/bus/script/planted.ts';
import { root } from './sources.ts';

const built = ['native/build/Release', 'engines/reference/native/build/Release'].flatMap((folder) =>
  existsSync(join(root, folder)) ? readdirSync(join(root, folder)).map((file) => join(folder, file)) : [],
);

test('planted bugs are in no library that is shipped', () => {
  const shipped = built.filter((file) => /\.(so|node)$/.test(file));
  expect(shipped.map((file) => file.replace(/.*\//, '')).sort()).toEqual([
    'baton.node',
    'libbaton.so',
    'reference.node',
  ]);
  const names = ['planted', 'Planted', ...BUGS.map(({ name }) => name)];
  for (const file of shipped) {
    const text = readFileSync(join(root, file), 'latin1');
    expect(names.filter((name) => text.includes(name))).toEqual([]);
  }
});

test('every planted bug is one of those that the scripts must find', () => {
  const text = readFileSync(join(root, 'native/src/base/planted.cc'), 'utf8');
  const names = [...text.matchAll(/"([a-z-]+)"/g)].map((match) => match[1]).filter((name) => name !== 'none');
  expect(names.sort()).toEqual(BUGS.map(({ name }) => name).sort());
});

test('docs/simulation-native.md tells of every planted bug what it is and within how many seeds it must be found', () => {
  const text = readFileSync(join(root, 'docs/simulation-native.md'), 'utf8');
  for (const { name, hazard, bound } of BUGS)
    expect(text).toContain(`| \`${name}\` | ${hazard} | ${bound} |`);
});
