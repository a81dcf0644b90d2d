// npm run fuzz -- TARGET [--minutes N] [--seed S]: searches one decoder for N minutes of CPU time. What it finds goes into the target's
// corpus, which tests replay. Targets in C++ (native/fuzz) run under libFuzzer and need clang; the others run in Node (test/fuzz).
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dropForeignCache, node, quietly, root } from './run.mjs';

const native = ['session', 'lane'];
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' }, keep: { type: 'string' } },
});
const [target] = positionals;

/** Runs to its end; CPU time beyond the bound ends it as Ctrl-C does. */
function run(command, args, cpuSeconds = Infinity) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit' });
    const watch = setInterval(() => cpuOf(child.pid) > cpuSeconds && child.kill('SIGINT'), 1000);
    child.on('exit', (code) => {
      clearInterval(watch);
      resolve(code ?? 1);
    });
  });
}

/** Seconds of CPU time that a process has had so far. */
function cpuOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}

async function fuzzNative() {
  const build = join(root, 'native/build/fuzz');
  dropForeignCache(build);
  const compilers = ['-DCMAKE_C_COMPILER=clang', '-DCMAKE_CXX_COMPILER=clang++'];
  quietly('cmake', [
    '-S',
    'native',
    '-B',
    build,
    '-G',
    'Unix Makefiles',
    '-Wno-dev',
    '-DFUZZ=ON',
    ...compilers,
  ]);
  quietly('cmake', ['--build', build, '-j', '2', '--target', `${target}_fuzz`]);
  const corpus = join(root, 'native/fuzz/corpus', target);
  const found = values.keep ?? mkdtempSync(join(tmpdir(), 'baton-fuzz-'));
  const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31) + 1);
  console.log(`fuzz ${target} --minutes ${values.minutes} --seed ${seed}`);
  const flags = [
    `-seed=${seed}`,
    `-artifact_prefix=${corpus}/finding-`,
    '-interrupted_exitcode=0',
    '-print_final_stats=1',
    '-timeout=10',
  ];
  const code = await run(
    join(build, 'Release', `${target}_fuzz`),
    [...flags, found, corpus],
    Number(values.minutes) * 60,
  );
  if (values.keep === undefined) rmSync(found, { recursive: true });
  return code;
}

process.exitCode = native.includes(target)
  ? await fuzzNative()
  : await run(node, [join(root, 'test/fuzz/main.ts'), ...process.argv.slice(2)]);
