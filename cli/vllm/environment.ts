// The Python environment of a vLLM engine under Baton: vLLM's own (scripts/vllm-venv.mjs, cached outside the tree) and, in a
// layer above it, the baton_vllm wheel, installed as a user installs it. Nothing of the tree is on the engines' path.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { command, type CommandOptions } from './command.ts';

const scripts = join(import.meta.dirname, '../../scripts');

export interface VllmEnvironment {
  /** The folder of `vllm` and `python`. */
  bin: string;
  /** vLLM's environment below, complete and without Baton. */
  venv: string;
  wheel: string;
}

type Options = Pick<CommandOptions, 'signal' | 'onLine'>;

/** Last line of a script's output. */
async function lastLine(script: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const stdout = await command(process.execPath, [join(scripts, script), ...args], options);
  return stdout.trimEnd().split('\n').at(-1) ?? '';
}

/**
 * Makes vLLM's own environment if it is not there (minutes, 3 GiB to fetch), builds the wheel and installs it with `pip install`
 * into a new environment in `folder`, above vLLM's. `missing_dependency` when it can't be had; interrupted, nothing of it runs,
 * and what was half made is gone but for `folder`.
 */
export async function installBaton(folder: string, options: Options = {}): Promise<VllmEnvironment> {
  const common = { ...options, temporary: folder };
  const venv = await lastLine('vllm-venv.mjs', [], common);
  const wheel = await lastLine('vllm-wheel.mjs', [join(folder, 'dist')], common);
  const own = join(folder, 'venv');
  const bin = join(own, 'bin');
  const python = join(venv, 'bin/python');
  await command(python, ['-m', 'venv', own], common);
  const site = await command(
    python,
    ['-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])'],
    common,
  );
  const below = site.trim();
  writeFileSync(join(below.replace(venv, own), 'vllm-below.pth'), `${below}\n`);
  const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-index', basename(wheel)];
  await command(join(bin, 'python'), pip, { ...common, cwd: join(folder, 'dist') });
  // The command names its Python in the first line.
  const vllm = join(bin, 'vllm');
  cpSync(join(venv, 'bin/vllm'), vllm);
  writeFileSync(vllm, readFileSync(vllm, 'utf8').replaceAll(python, join(bin, 'python')));
  return { bin, venv, wheel };
}
