// Checks and unit-tests engines/vllm where vLLM is not needed: ruff, mypy, pytest, in an environment of their own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { makeVenv } from './vllm-venv.mjs';
import { root } from './run.mjs';

let passed = 0;
let failed = 0;

try {
  const bin = join(await makeVenv('dev'), 'bin');
  const run = (tool, ...args) => {
    const done = spawnSync(join(bin, tool), args, {
      cwd: join(root, 'engines/vllm'),
      encoding: 'utf8',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    process.stdout.write(`${done.stdout}${done.stderr}`);
    return { ok: done.status === 0, output: done.stdout };
  };
  for (const [tool, ...args] of [
    ['ruff', 'format', '--no-cache', '--check', '.'],
    ['ruff', 'check', '--no-cache', '.'],
    ['mypy', '--cache-dir=/dev/null'],
  ]) {
    if (run(tool, ...args).ok) passed++;
    else failed++;
  }
  const { ok, output } = run('pytest');
  const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(output)?.[1] ?? 0);
  const broken = count('failed') + count('error');
  passed += count('passed');
  failed += ok ? 0 : Math.max(1, broken);
} catch (error) {
  console.error(
    `${error.message}\nthe tools that check engines/vllm can't be had: is PyPI in reach from here?`,
  );
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
