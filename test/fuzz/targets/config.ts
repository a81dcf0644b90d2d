// A configuration file and a flag, with secrets in it. First byte: which of them the rest is. `@S` stands for a secret.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { parse } from 'yaml';
import { loadConfig, type ConfigSources } from '#core/config.ts';
import { BatonError } from '#core/errors.ts';
import { must, thrownBy, type FuzzTarget } from '../target.ts';

const SECRET = 'hunter2hunter2hunter2hunter2hunter2';
const BEFORE = `tenants:\n  - name: one\n    secret: ${SECRET}\n    keys: [`;

let folder: string | null = null;
function fileOf(text: Buffer): string {
  if (folder === null) {
    const made = (folder = mkdtempSync(join(tmpdir(), 'baton-fuzz-')));
    process.on('exit', () => { rmSync(made, { recursive: true, force: true }); }); // prettier-ignore
  }
  const path = join(folder, 'baton.yaml');
  writeFileSync(path, text);
  return path;
}

function sourcesOf(input: Buffer): ConfigSources {
  const rest = Buffer.from(input.subarray(1).toString('latin1').replaceAll('@S', SECRET), 'latin1');
  const text = rest.toString('utf8');
  const none: ConfigSources = { file: null, env: {}, sets: [] };
  switch ((input[0] ?? 0) % 4) {
    case 0: return { ...none, file: fileOf(rest) };
    // Whatever is wrong with a tenant's section, its secret is in it.
    case 1: return { ...none, file: fileOf(Buffer.concat([Buffer.from(BEFORE), rest])) };
    case 2: return { ...none, sets: [text] };
    default: return { ...none, env: { BATON_TENANTS: text } };
  }
} // prettier-ignore

/** Everything that is written besides. */
function warningsOf(work: () => void): string {
  let warned = '';
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error) => { warned += String(warning); }; // prettier-ignore
  try {
    work();
  } finally {
    process.emitWarning = emitWarning;
  }
  return warned;
}

/** The secret stands where only secrets do, or nobody can tell where it stands. */
function isSecret({ file, env, sets: [set] }: ConfigSources): boolean {
  if (env['BATON_TENANTS'] !== undefined) return true;
  const [path, ...value] = set?.split('=') ?? [''];
  if (set !== undefined && value.length === 0) return true;
  if (path?.includes(SECRET) === true) return false;
  const text = set === undefined ? readFileSync(file ?? '', 'utf8') : value.join('=');
  const at = path?.split('.') ?? [];
  let tree: unknown;
  try {
    tree = parse(text, { logLevel: 'silent' });
  } catch {
    return true;
  }
  return paths(tree, set === undefined ? [] : at, 0).every(
    ([first, ...rest]) =>
      first === 'tenants' || first === 'cluster' || rest.some((step) => /secret|key/i.test(step)),
  );
}

/** Where the secret stands in the tree; a key that holds it counts as nowhere. */
function paths(tree: unknown, at: readonly string[], depth: number): (readonly string[])[] {
  if (typeof tree === 'string') return tree.includes(SECRET) ? [at] : [];
  if (typeof tree !== 'object' || tree === null || depth > 50) return [];
  return Object.entries(tree).flatMap(([key, value]) =>
    key.includes(SECRET) ? [['']] : paths(value, [...at, key], depth + 1),
  );
}

function run(input: Buffer): void {
  const sources = sourcesOf(input);
  let error: unknown = null;
  const warned = warningsOf(() => {
    error = thrownBy(() => loadConfig(sources));
  });
  must(!warned.includes(SECRET), 'a warning quotes a secret');
  if (error === null) return;
  must(error instanceof BatonError, `it throws another error: ${inspect(error)}`);
  must(error.code === 'bad_config', `it throws ${error.code}`);
  must(!error.message.includes(SECRET) || !isSecret(sources), 'a message quotes a secret');
  must(error.message.length < 4000, 'a message is long');
}

export const config: FuzzTarget = {
  name: 'config',
  // The library's too: its ways lead to its messages.
  covers: [
    'core/config.ts', 'core/schema.ts', 'node_modules/yaml/dist/parse/lexer.js', 'node_modules/yaml/dist/parse/parser.js',
    ...['composer', 'compose-doc', 'compose-node', 'compose-scalar', 'compose-collection', 'resolve-block-map', 'resolve-block-scalar',
      'resolve-block-seq', 'resolve-flow-collection', 'resolve-flow-scalar', 'resolve-props', 'resolve-end'].map((name) => `node_modules/yaml/dist/compose/${name}.js`),
  ],
  words: [
    '@S', 'tenants:', 'tenants=', '\n', '\n  ', '  - ', ': ', 'name: one', 'secret: @S', 'keys: ', 'router:', 'router.', 'engines', 'url: ', 'http://e:1',
    'role: both', 'model: m', 'limits:', 'timeouts:', 'cluster:', 'key_files: [@S]', '&a ', '*a', '<<: ', '!!str ', '!@S ', '|', '>', '? ', '- ', '[', ']',
    '{', '}', '"', "'", '%YAML 1.1\n---\n', '---\n', '...\n', '#', '=', '__proto__', 'constructor', '.port=1', '0x10', '1e9', '~', 'null', '.inf', '\t',
    '{name: one, secret: @S}', '[{name: one, secret: @S, keys: []}]',
  ],
  bytesMax: 1024,
  run,
}; // prettier-ignore
