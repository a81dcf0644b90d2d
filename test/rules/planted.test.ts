// Planted bugs (docs/simulation.md) are in shipped code and off in everything that is shipped.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Planted } from '#core/planted.ts';
import { planted } from '#planted';
import { BUGS } from '#test/sim/planted/table.ts';
import { root, sources } from './sources.ts';

const names = Object.keys(BUGS) as Planted[];
const shipped = sources(['.ts']).filter(({ path }) => /^(core|router|transfer|engines|cli)\//.test(path));
const sites = shipped.flatMap(({ path, text }) =>
  [...text.matchAll(/\bplanted\('(\w+)'\)/g)].map(([, name = '']) => ({ path, name })),
);

/** What a Node process started like this finds planted when everything in its environment asks for it. */
function plantedIn(...flags: string[]): string[] {
  const script = `import { planted } from '#planted'; console.log(JSON.stringify(${JSON.stringify(names)}.filter(planted)))`;
  const env = { ...process.env, PLANTED: names.join(), BATON_PLANTED: names.join(), NODE_ENV: 'test', NODE_OPTIONS: '' };
  const output = execFileSync(process.execPath, [...flags, '--input-type=module', '-e', script], { cwd: root, env, encoding: 'utf8' });
  return JSON.parse(output) as string[];
} // prettier-ignore

test('every planted bug stands at one place in shipped code, and only there', () => {
  expect(sites.map(({ name }) => name).sort()).toEqual([...names].sort());
  expect(sites.filter(({ path }) => !/^(core|router|transfer)\//.test(path))).toEqual([]);
});

test('nothing is planted, whatever the environment says', () => {
  expect(names.filter(planted)).toEqual([]);
  expect(plantedIn()).toEqual([]);
  expect(plantedIn('--conditions=planted')).toEqual([]);
});

test('what is shipped asks for bugs by "#planted", which leads to none without a condition that only the simulation sets', () => {
  const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: Record<string, unknown>;
  };
  expect(imports['#planted']).toEqual({
    planted: './test/sim/planted/switches.ts',
    default: './core/planted.ts',
  });
  const byPath = shipped.filter(({ text }) => /from '[^']*planted[^']*\.ts'/.test(text));
  expect(byPath.map(({ path }) => path)).toEqual([]);
  const setting = sources(['.ts', '.mjs', '.js']).filter(({ text }) => /--conditions=planted/.test(text));
  const outside = setting.map(({ path }) => path).filter((path) => !path.startsWith('test/'));
  expect(outside).toEqual(['core/planted.ts']); // which tells of it
});

test('docs/simulation.md has a row for every planted bug, as the table in the code tells it (npm run sim -- --planted --write)', () => {
  const page = readFileSync(join(root, 'docs/simulation.md'), 'utf8');
  const table = page.slice(page.indexOf('<!-- table planted -->'), page.indexOf('<!-- end planted -->'));
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const cells = rows.map((line) => line.slice(1, -1).split(' | ').map((cell) => cell.trim().replaceAll('`', '')));
  expect(cells.map(([name, hazard, does, , bound]) => [name, hazard, does, bound])).toEqual(
    names.map((name) => [name, BUGS[name].hazard, BUGS[name].does, String(BUGS[name].seeds)]),
  );
  for (const [name = '', , , seed, bound] of cells) {
    expect(Number(seed), name).toBeGreaterThan(0);
    expect(Number(seed), name).toBeLessThanOrEqual(Number(bound));
  }
}); // prettier-ignore
