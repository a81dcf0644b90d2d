// npm run test:vllm: the tests over real vLLM engines (test/vllm). Closing line `N passed, N failed`.
//   -- --full    the real small model too
//   -- FILE...   only these files of test/vllm
// Exit 3 when vLLM's environment can't be had; with BATON_SKIP_VLLM=1 every test counts as skipped.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeVenv } from './vllm-venv.mjs';
import { root, runSteps, vitest } from './run.mjs';

const args = process.argv.slice(2);
const full = args.includes('--full');
const files = args.filter((arg) => !arg.startsWith('--'));

if (full) process.env.BATON_VLLM_FULL = '1';
try {
  if (process.env.BATON_SKIP_VLLM !== '1') await makeVenv('full');
  // The wheel's library.
  if (!existsSync(join(root, 'native/build/Release/libbaton.so'))) {
    throw new Error('libbaton.so is missing: run npm run build:native');
  }
  await runSteps([vitest('vllm', ...files)]);
} catch (error) {
  console.error(
    `${error.message}\n\nvLLM's environment can't be had. Is PyPI in reach, are 10 GB of disk free?`,
  );
  console.error('BATON_SKIP_VLLM=1 leaves these tests out.');
  console.log('0 passed, 1 failed');
  process.exitCode = 3;
}
