// npm run fuzz -- TARGET [--minutes N] [--seed S]: searches one decoder for N minutes of CPU time. What it finds goes into the target's
// corpus, which tests replay. Targets in C++ (native/fuzz) run under libFuzzer and need clang; the others run in Node (test/fuzz).
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { dropForeignCache, node, quietly, root } from './run.mjs';

const native = ['session', 'lane'];
/** How libFuzzer ends after Ctrl-C, whatever -interrupted_exitcode says. */
const INTERRUPTED = 72;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string' }, keep: { type: 'string' } },
});
const [target] = positionals;

/** Runs to its end. */
function run(command, args) {
  return new Promise((resolve) => {
    spawn(command, args, { cwd: root, stdio: 'inherit' }).on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

/** Runs libFuzzer until it finds something; CPU time beyond the bound ends it as Ctrl-C does. */
function runFuzzer(command, args, cpuSeconds) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'pipe'] });
    const [cov, corpus, counters, units] = [
      / cov: (\d+)/,
      / corp: (\d+)/,
      /\((\d+) inline 8-bit/,
      /executed_units: (\d+)/,
    ].map(latest);
    let cpu = 0;
    const watch = setInterval(() => {
      cpu = cpuOf(child.pid);
      if (cpu > cpuSeconds) child.kill('SIGINT');
    }, 1000);
    const lines = createInterface({ input: child.stderr });
    lines.on('line', (line) => {
      console.error(line);
      for (const one of [cov, corpus, counters, units]) one.take(line);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearInterval(watch);
      const figures = {
        runs: units.value,
        inputs: corpus.value,
        covered: rounded(cov.value / counters.value),
      };
      resolve({
        code: code === INTERRUPTED ? 0 : (code ?? 1),
        figures: { ...figures, cpuSeconds: Math.round(cpu) },
      });
    });
  });
}

/** The number that a line last had there. */
function latest(pattern) {
  return {
    value: 0,
    take(line) {
      const found = pattern.exec(line)?.[1];
      if (found !== undefined) this.value = Number(found);
    },
  };
}

const rounded = (share) => Math.round(share * 1000) / 1000;

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
    '-print_final_stats=1',
    '-timeout=10',
  ];
  const program = join(build, `${target}_fuzz`);
  const cpuSeconds = Number(values.minutes) * 60;
  const { code, figures } = await runFuzzer(program, [...flags, found, corpus], cpuSeconds);
  if (values.keep === undefined) rmSync(found, { recursive: true });
  console.log(JSON.stringify({ target, seed: Number(seed), ...figures, findings: code === 0 ? 0 : 1 }));
  return code;
}

process.exitCode = native.includes(target)
  ? await fuzzNative()
  : await run(node, [join(root, 'test/fuzz/main.ts'), ...process.argv.slice(2)]);
