// C++ tests without Node: node scripts/native-test.mjs [--sanitize address,undefined | thread | none]
// Configures, builds and runs native/build/<asan|tsan|plain> and the reference engine's likewise.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dropForeignCache, hasFile, quietly, root } from './run.mjs';

const names = { 'address,undefined': 'asan', thread: 'tsan', none: 'plain' };
const { sanitize } = parseArgs({ options: { sanitize: { type: 'string', default: 'none' } } }).values;
const name = names[sanitize];
if (!name) {
  console.error(`--sanitize ${sanitize}: expected one of ${Object.keys(names).join(' | ')}`);
  process.exit(2);
}

const env = {
  ...process.env,
  ASAN_OPTIONS: 'detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};

/** Sums doctest's own count of cases; an executable without one (or that died) counts as 1. */
function countsOf(junit) {
  const total = { passed: 0, failed: 0 };
  for (const [, attributes, body] of junit.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const ok = attributes.includes('status="run"');
    const cases = /test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed/.exec(body ?? '');
    const passed = cases ? Number(cases[1]) : ok ? 1 : 0;
    const failed = cases ? Number(cases[2]) : 0;
    total.passed += passed;
    total.failed += !ok && failed === 0 ? 1 : failed;
  }
  return total;
}

function testOne(dir) {
  const build = join(root, dir, 'build', name);
  const junit = join(build, 'junit.xml');
  const lib = join(root, 'native/build', name, 'Release');
  const flags = ['-DBUILD_TESTING=ON', `-DSANITIZE=${sanitize === 'none' ? '' : sanitize}`];
  if (dir !== 'native') flags.push(`-DBATON_LIB_DIR=${lib}`);
  try {
    dropForeignCache(build);
    quietly('cmake', ['-S', dir, '-B', build, '-G', 'Unix Makefiles', '-Wno-dev', ...flags]);
    quietly('cmake', ['--build', build, '-j', '2']);
  } catch (error) {
    console.log(error.message);
    return { passed: 0, failed: 1 };
  }
  rmSync(junit, { force: true });
  const size = ['--test-output-size-passed', '1000000', '--test-output-size-failed', '1000000'];
  try {
    quietly('ctest', ['-j2', '--output-on-failure', '--no-tests=error', '--output-junit', junit, ...size], {
      cwd: build,
      env,
    });
    return countsOf(readFileSync(junit, 'utf8'));
  } catch (error) {
    console.log(error.message);
    const counts = countsOf(readFileSync(junit, 'utf8'));
    return counts.failed > 0 ? counts : { ...counts, failed: 1 };
  }
}

const total = { passed: 0, failed: 0 };
for (const dir of ['native', 'engines/reference/native']) {
  if (!hasFile(`${dir}/test`, /_test\.cc$/) && !hasFile(`${dir}/fuzz`, /_fuzz\.cc$/)) continue;
  const started = performance.now();
  const { passed, failed } = testOne(dir);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${dir} ${name}: ${passed} passed, ${failed} failed in ${seconds} s`);
  total.passed += passed;
  total.failed += failed;
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
