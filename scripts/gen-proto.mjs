// proto/**/*.proto → proto/gen (checked in). `--check`: only tells whether proto/gen is up to date.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { quietly, root } from './run.mjs';

const proto = join(root, 'proto');
const gen = join(proto, 'gen');

// erasableSyntaxOnly: no TypeScript enums. 64-bit integers are bigint. Nothing in the output names a version.
const options = [
  'outputServices=grpc-js',
  'esModuleInterop=true',
  'importSuffix=.ts',
  'env=node',
  'forceLong=bigint',
  'oneof=unions-value',
  'enumsAsLiterals=true',
  'unrecognizedEnum=false',
  'outputJsonMethods=false',
  'annotateFilesWithVersion=false',
];

function files(folder, suffix) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

const texts = (folder) => {
  try {
    return JSON.stringify(
      files(folder, '.ts').map((file) => [file, readFileSync(join(folder, file), 'utf8')]),
    );
  } catch {
    return '';
  }
};

const out = mkdtempSync(join(tmpdir(), 'baton-proto-'));
try {
  quietly('protoc', [
    `--plugin=${join(root, 'node_modules/.bin/protoc-gen-ts_proto')}`,
    `--ts_proto_out=${out}`,
    `--ts_proto_opt=${options.join(',')}`,
    `-I${proto}`,
    ...files(proto, '.proto'),
  ]);
  if (!process.argv.includes('--check')) {
    rmSync(gen, { recursive: true, force: true });
    mkdirSync(gen);
    cpSync(out, gen, { recursive: true });
  } else if (texts(out) !== texts(gen)) {
    console.error('proto/gen is not what proto/**/*.proto says: npm run gen:proto');
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`${error.message}\n(protoc comes with: node scripts/apt.mjs)`);
  process.exitCode = 1;
} finally {
  rmSync(out, { recursive: true });
}
