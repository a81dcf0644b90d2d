// npm run train: trains the tiny model's weights and writes them (engines/reference/training/README.md).
//   npm run train -- [--folder FOLDER]   checkpoints; a run that was broken off goes on from the last one
import { homedir } from 'node:os';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { makeVenv } from './vllm-venv.mjs';
import { root } from './run.mjs';

const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
const { values } = parseArgs({
  options: { folder: { type: 'string', default: join(cache, 'baton/training/tiny') } },
});
const python = join(await makeVenv('training'), 'bin/python');
for (const script of ['train.py', 'export.py']) {
  const file = join(root, 'engines/reference/training', script);
  const { status } = spawnSync(python, ['-B', file, values.folder], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
