// npm run test:vllm: the tests over real vLLM engines (test/vllm). Closing line `N passed, N failed`.
//   -- --full    then the real small model too, over engines of its own
//   -- FILE...   only these files of test/vllm
// Exit 3 when vLLM's environment can't be had; with BATON_SKIP_VLLM=1 every test counts as skipped.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { makeVenv } from './vllm-venv.mjs';
import { root, runSteps, vitest } from './run.mjs';

const args = process.argv.slice(2);
const full = args.includes('--full');
const files = args.filter((arg) => !arg.startsWith('--'));

const SMALL = 'test/vllm/small.test.ts';

try {
  if (process.env.BATON_SKIP_VLLM !== '1') await makeVenv('full');
  // The wheel's library.
  if (!existsSync(join(root, 'native/build/Release/libbaton.so'))) {
    throw new Error('libbaton.so is missing: run npm run build:native');
  }
  const steps = [vitest('vllm', ...files, '--exclude', SMALL)];
  // After the others: all the engines at once would need more memory than the suite asks for.
  if (full) steps.push({ ...vitest('vllm', SMALL), name: 'vllm, small model', env: { BATON_VLLM_PAIRS: 'small-baton,small-nixl' } }); // prettier-ignore
  await runSteps(steps);
} catch (error) {
  console.error(
    `${error.message}\n\nvLLM's environment can't be had. Is PyPI in reach, are 10 GB of disk free?`,
  );
  console.error('BATON_SKIP_VLLM=1 leaves these tests out.');
  console.log('0 passed, 1 failed');
  process.exitCode = 3;
}
