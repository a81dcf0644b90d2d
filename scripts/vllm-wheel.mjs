// Makes the baton_vllm wheel: the package with libbaton.so inside, and nothing else to install but glibc.
//   node scripts/vllm-wheel.mjs [FOLDER]     prints the wheel's path as the last line; default folder engines/vllm/dist
// The glibc that libbaton.so needs is read from its symbol versions and stands in the wheel's name; a newer one than
// stated here fails, because it would shut out systems that the last wheel ran on.
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { quietly, root } from './run.mjs';

/** The newest glibc that the library may need. */
const GLIBC_MAX = [2, 36];
const LIBRARIES = /^(libc|libm|libpthread|libdl|librt|ld-linux-[\w-]+)\.so\.\d+$/;
const ARCHITECTURES = { x64: 'x86_64', arm64: 'aarch64' };

const source = join(root, 'engines/vllm');
const library = join(root, 'native/build/Release/libbaton.so');

/** Lowest glibc that has all symbols the library wants; throws on what is no part of glibc. */
export function neededGlibc(path) {
  const needed = [...quietly('objdump', ['-p', path]).matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name);
  const foreign = needed.filter((name) => !LIBRARIES.test(name));
  if (foreign.length > 0) throw new Error(`${path} needs more than glibc: ${foreign.join(', ')}`);
  const symbols = quietly('objdump', ['-T', path]);
  const foreignSymbols = [...symbols.matchAll(/\b(GLIBCXX|CXXABI|GCC)_[\d.]+/g)].map(([name]) => name);
  if (foreignSymbols.length > 0) throw new Error(`${path} wants ${[...new Set(foreignSymbols)].join(', ')}`);
  const versions = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [+major, +minor]);
  const newest = versions.reduce((a, b) => (a[0] * 1000 + a[1] >= b[0] * 1000 + b[1] ? a : b));
  if (newest[0] * 1000 + newest[1] > GLIBC_MAX[0] * 1000 + GLIBC_MAX[1]) {
    throw new Error(`${path} needs glibc ${newest.join('.')}, newer than ${GLIBC_MAX.join('.')}`);
  }
  return newest;
}

const recordLine = (folder, name) => {
  const bytes = readFileSync(join(folder, name));
  return `${name},sha256=${createHash('sha256').update(bytes).digest('base64url')},${bytes.length}`;
};

/** @returns the wheel's path */
export function makeWheel(folder) {
  if (!existsSync(library)) throw new Error(`${library} is missing: run npm run build:native`);
  const [major, minor] = neededGlibc(library);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tag = `py3-none-manylinux_${major}_${minor}_${ARCHITECTURES[process.arch]}`;
  const staging = mkdtempSync(join(tmpdir(), 'baton-wheel-'));
  try {
    cpSync(join(source, 'baton_vllm'), join(staging, 'baton_vllm'), {
      recursive: true,
      filter: (path) => !path.endsWith('__pycache__') && !path.endsWith('.so'),
    });
    cpSync(library, join(staging, 'baton_vllm/libbaton.so'));
    const info = `baton_vllm-${version}.dist-info`;
    mkdirSync(join(staging, info));
    const write = (name, lines) => writeFileSync(join(staging, info, name), `${lines.join('\n')}\n`);
    write('METADATA', [
      'Metadata-Version: 2.1', 'Name: baton-vllm', `Version: ${version}`,
      "Summary: KV connector that joins unmodified vLLM to Baton's transfer service",
      'License: Apache-2.0', 'Requires-Python: >=3.11',
    ]); // prettier-ignore
    write('WHEEL', ['Wheel-Version: 1.0', 'Generator: baton', 'Root-Is-Purelib: false', `Tag: ${tag}`]);
    const files = ['baton_vllm', info].flatMap((name) =>
      readdirSync(join(staging, name)).map((file) => `${name}/${file}`),
    );
    write('RECORD', [...files.sort().map((name) => recordLine(staging, name)), `${info}/RECORD,,`]);
    mkdirSync(folder, { recursive: true });
    const wheel = join(resolve(folder), `baton_vllm-${version}-${tag}.whl`);
    rmSync(wheel, { force: true });
    quietly('python3', ['-m', 'zipfile', '-c', wheel, 'baton_vllm', info], { cwd: staging });
    return wheel;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  try {
    const wheel = makeWheel(process.argv[2] ?? join(source, 'dist'));
    console.log(`needs glibc ${neededGlibc(library).join('.')} or newer\n${wheel}`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
