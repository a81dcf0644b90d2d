// Builds the addons and libbaton.so with cmake-js: no network, nothing but g++, cmake and npm packages.
// Runs at every `npm ci`, with or without development dependencies, on Node 20 as well as 24.
// `--hooks`: builds native/build/hooks too, on the product's core, where tests may switch verification off. `node
// --conditions=test-hooks` loads that addon, LD_LIBRARY_PATH gives engines that libbaton.so (test/support/hooks.ts).
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { dropForeignCache, quietly, root } from './run.mjs';

// The product's core first: the reference engine links its libbaton.so, the build with hooks its objects.
const builds = [
  { dir: 'native', out: 'native/build', options: [] },
  process.argv.includes('--hooks')
    ? { dir: 'native', out: 'native/build/hooks', options: ['--CDTEST_HOOKS=ON'] }
    : { dir: 'engines/reference/native', out: 'engines/reference/native/build', options: [] },
];

const runs = (command) => spawnSync(command, ['--version']).status === 0;

function missingTools() {
  const missing = [];
  if (!process.env.CXX && !runs('g++')) missing.push('g++');
  if (!runs('cmake')) missing.push('cmake');
  if (!runs('make') && !runs('ninja')) missing.push('make');
  return missing;
}

function build({ dir, out, options }) {
  const started = performance.now();
  const cmakeJs = join(
    dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')),
    'bin/cmake-js',
  );
  dropForeignCache(join(root, out));
  const generator = runs('make') ? ['-G', 'Unix Makefiles'] : [];
  quietly(process.execPath, [cmakeJs, 'build', '-d', dir, '-O', out, '-p', '2', ...generator, ...options]);
  console.log(`${out}: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

const missing = missingTools();
try {
  if (missing.length > 0) {
    throw new Error(`cannot build the native core: ${missing.join(', ')} missing. Run:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing.join(' ')}`);
  }
  builds.forEach(build);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
