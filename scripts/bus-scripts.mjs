// Random scripts over the model of the native bus and over the real one must tell the same (docs/simulation-native.md).
// node scripts/bus-scripts.mjs [--seeds N [--from S]] [--fresh N] | --seed N | --planted
// Builds the driver over the real bus, of the ASan build or with PLANTED, then runs test/sim/bus/script/main.ts.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { dropForeignCache, node, quietly, root } from './run.mjs';

const args = process.argv.slice(2);
const [name, flags] = args.includes('--planted')
  ? ['planted', ['-DPLANTED=ON']]
  : ['asan', ['-DSANITIZE=address,undefined']];
const build = join(root, 'native/build', name);
dropForeignCache(build);
quietly('cmake', [
  ...['-S', 'native', '-B', build, '-G', 'Unix Makefiles', '-Wno-dev', '-DBUILD_TESTING=ON'],
  ...flags,
]);
quietly('cmake', ['--build', build, '-j', '2', '--target', 'bus_script']);
const main = join(root, 'test/sim/bus/script/main.ts');
const done = spawnSync(node, [main, '--driver', join(build, 'bus_script'), ...args], { stdio: 'inherit' });
process.exitCode = done.status ?? 1;
