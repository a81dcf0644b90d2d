// The Python environment of a vLLM engine under Baton: vLLM's own (scripts/vllm-venv.mjs, cached outside the tree) and, in a
// layer above it, the baton_vllm wheel, installed as a user installs it. Nothing of the tree is on the engines' path.
import { execFile } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { BatonError } from '#core/errors.ts';

const run = promisify(execFile);
const scripts = join(import.meta.dirname, '../../scripts');

export interface VllmEnvironment {
  /** The folder of `vllm` and `python`. */
  bin: string;
  /** vLLM's environment below, complete and without Baton. */
  venv: string;
  wheel: string;
}

/** Last line of a script's output. */
async function lastLine(script: string, args: readonly string[], signal?: AbortSignal): Promise<string> {
  try {
    const done = await run(process.execPath, [join(scripts, script), ...args], {
      signal,
      maxBuffer: 1 << 26,
    });
    return done.stdout.trimEnd().split('\n').at(-1) ?? '';
  } catch (error) {
    signal?.throwIfAborted();
    const { stderr } = error as { stderr?: string };
    throw new BatonError('missing_dependency', (stderr ?? String(error)).trimEnd());
  }
}

/** vLLM's own environment, made if it is not there (minutes, 3 GiB to fetch); `missing_dependency` when it can't be had. */
export function vllmVenv(signal?: AbortSignal): Promise<string> {
  return lastLine('vllm-venv.mjs', [], signal);
}

/** Builds the wheel and installs it with `pip install` into a new environment in `folder`, above vLLM's. */
export async function installBaton(folder: string, signal?: AbortSignal): Promise<VllmEnvironment> {
  const venv = await vllmVenv(signal);
  const wheel = await lastLine('vllm-wheel.mjs', [join(folder, 'dist')], signal);
  const own = join(folder, 'venv');
  const bin = join(own, 'bin');
  const python = join(venv, 'bin/python');
  await run(python, ['-m', 'venv', own], { signal });
  const site = await run(python, ['-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])'], {
    signal,
  });
  const below = site.stdout.trim();
  writeFileSync(join(below.replace(venv, own), 'vllm-below.pth'), `${below}\n`);
  const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-index', basename(wheel)];
  await run(join(bin, 'python'), pip, { cwd: join(folder, 'dist'), signal });
  // The command names its Python in the first line.
  const command = join(bin, 'vllm');
  cpSync(join(venv, 'bin/vllm'), command);
  writeFileSync(command, readFileSync(command, 'utf8').replaceAll(python, join(bin, 'python')));
  return { bin, venv, wheel };
}
