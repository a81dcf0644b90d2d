// Builds what the benches run, once per source state: yardsticks with the machine's g++ into bench/build, the native core's own
// benches with cmake into native/build/bench.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BatonError } from '#core/errors.ts';

const sources = join(import.meta.dirname, 'yardsticks');
const output = join(import.meta.dirname, 'build');
const native = join(import.meta.dirname, '../native');

export type Yardstick = 'mock' | 'load' | 'pipe' | 'plain';
export type NativeBench = 'lane_source' | 'lane_target';

/** Path of the built yardstick; `missing_dependency` without g++. */
export function yardstick(name: Yardstick): string {
  mkdirSync(output, { recursive: true });
  const binary = join(output, name);
  const source = join(sources, `${name}.cc`);
  const newest = Math.max(statSync(source).mtimeMs, statSync(join(sources, 'net.h')).mtimeMs);
  if (existsSync(binary) && statSync(binary).mtimeMs > newest) return binary;
  command('g++', ['-O2', '-std=c++20', '-o', binary, source]);
  return binary;
}

/** Folder of the native benches, built with the flags of the product; make decides what is out of date. */
export function nativeBenches(names: readonly NativeBench[]): string {
  const build = join(native, 'build/bench');
  mkdirSync(build, { recursive: true });
  command('cmake', ['-S', native, '-B', build, '-DBENCH=ON', '-DCMAKE_BUILD_TYPE=Release']);
  command('cmake', ['--build', build, '-j', '2', '--target', ...names]);
  return build;
}

function command(program: string, args: readonly string[]): void {
  const done = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (done.error !== undefined)
    throw new BatonError('missing_dependency', `${program} is needed: apt-get install -y ${program}`);
  if (done.status !== 0)
    throw new BatonError('internal', `${program} ${args.join(' ')} failed: ${done.stderr.slice(0, 2000)}`);
}
