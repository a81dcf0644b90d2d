// Where settings come from, later ones winning: defaults, the YAML file, the environment (BATON_ROUTER__PORT=8000 is
// router.port), flags (--set router.port=8000). The cluster key and the admin key come from files, or from BATON_CLUSTER_KEY and
// BATON_ADMIN_KEY, only.
import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { BatonError } from './errors.ts';
import { parseSettings } from './schema.ts';
import { settings, type Settings } from './settings.ts';

export interface ConfigSources {
  file: string | null;
  env: Readonly<Record<string, string | undefined>>;
  /** `path.to.key=value` each; values are YAML scalars or flow collections. */
  sets: readonly string[];
}

const KEY_BYTES_MIN = 32;
// Variables that are not settings: secrets that must not stand in a file, and what builds, tests and vLLM's environment go by.
const RESERVED = new Set([
  'BATON_CLUSTER_KEY',
  'BATON_CLUSTER_KEY_PREVIOUS',
  'BATON_ADMIN_KEY',
  'BATON_VERIFY',
  'BATON_SKIP_VLLM',
  'BATON_VLLM_VENV',
  'BATON_VLLM_DEV_VENV',
  'BATON_VLLM_PAIRS',
  'BATON_PYTHON',
]);

type Tree = Record<string, unknown>;

/** Reads and checks the configuration; `bad_config` names the key, the value and the fix. */
export function loadConfig(sources: ConfigSources): Settings {
  const tree: Tree = sources.file === null ? {} : readYaml(sources.file);
  for (const [variable, value] of Object.entries(sources.env)) {
    if (!variable.startsWith('BATON_') || RESERVED.has(variable) || value === undefined) continue;
    put(tree, variable.slice('BATON_'.length).toLowerCase().split('__'), scalar(value, variable), variable);
  }
  for (const set of sources.sets) {
    const at = set.indexOf('=');
    // It may be a secret that lost its key: never quoted.
    if (at < 1)
      throw new BatonError('bad_config', '--set without key and value: write --set path.to.key=value');
    put(tree, set.slice(0, at).split('.'), scalar(set.slice(at + 1), '--set'), `--set ${set.slice(0, at)}`);
  }
  return parseSettings(settings, tree, sources.file ?? 'configuration');
}

/** The cluster keys (0, 1 or 2), the proving one first. Each at least 32 bytes; trailing newlines don't count. */
export function clusterKeys(config: Settings, env: ConfigSources['env']): Uint8Array[] {
  const keys: { where: string; key: Uint8Array }[] = config.cluster.key_files.map((file) => ({
    where: file,
    key: readKey(file, 'cluster.key_files'),
  }));
  for (const variable of ['BATON_CLUSTER_KEY', 'BATON_CLUSTER_KEY_PREVIOUS']) {
    const value = env[variable];
    if (value !== undefined && value !== '') keys.push({ where: variable, key: Buffer.from(value, 'utf8') });
  }
  if (keys.length > 2)
    throw new BatonError('bad_config', 'cluster: more than two keys: keep the new one and the previous one');
  for (const { where, key } of keys) requireLength('cluster key', where, key);
  return keys.map(({ key }) => key);
}

/** What `/ui` and `/debug` of the router's admin listener ask for; null: nothing is configured. */
export function adminKey(config: Settings, env: ConfigSources['env']): Uint8Array | null {
  const { key_file: file } = config.router.admin;
  const value = env['BATON_ADMIN_KEY'] ?? '';
  if (file !== null && value !== '')
    throw new BatonError('bad_config', 'router.admin.key_file and BATON_ADMIN_KEY: set one of them');
  if (file === null && value === '') return null;
  const key = file === null ? Buffer.from(value, 'utf8') : readKey(file, 'router.admin.key_file');
  requireLength('admin key', file ?? 'BATON_ADMIN_KEY', key);
  return key;
}

function requireLength(what: string, where: string, key: Uint8Array): void {
  if (key.length >= KEY_BYTES_MIN) return;
  throw new BatonError(
    'bad_config',
    `${what} from ${where} has ${key.length} bytes: at least ${KEY_BYTES_MIN} are needed, for example from: openssl rand -hex 32`,
  );
}

/** Without a cluster key a process binds loopback only. */
export function requireLoopbackWithoutKey(keys: readonly Uint8Array[], key: string, host: string): void {
  if (keys.length > 0 || isLoopback(host)) return;
  throw new BatonError(
    'bad_config',
    `${key} = "${host}": without a cluster key only loopback is served: set cluster.key_files or BATON_CLUSTER_KEY, or bind 127.0.0.1`,
  );
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function readYaml(file: string): Tree {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'not readable';
    throw new BatonError('bad_config', `${file}: ${why}: correct the path or its permissions`, {
      cause: error,
    });
  }
  const value = yaml(text, file, 'correct the file');
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw new BatonError('bad_config', `${file}: must be a YAML mapping`);
  return value as Tree;
}

function readKey(file: string, setting: string): Uint8Array {
  try {
    const bytes = readFileSync(file);
    let end = bytes.length;
    while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
    return bytes.subarray(0, end);
  } catch (error) {
    throw new BatonError(
      'bad_config',
      `${setting}: cannot read ${file}: correct the path or its permissions`,
      { cause: error },
    );
  }
}

const scalar = (text: string, where: string): unknown => yaml(text, where, 'quote it');

/** What the library says of an error or a doubt quotes the text, secrets included: only its code and the place are told. */
function yaml(text: string, where: string, mend: string): unknown {
  try {
    return parse(text, { logLevel: 'error' }) as unknown;
  } catch (error) {
    const known = error instanceof YAMLParseError;
    const [start] = (known ? error.linePos : undefined) ?? [];
    const place = start === undefined ? '' : ` at line ${start.line}, column ${start.col}`;
    throw new BatonError(
      'bad_config',
      `${where}: not YAML${place}${known ? ` (${error.code})` : ''}: ${mend}`,
    );
  }
}

function put(tree: Tree, path: readonly string[], value: unknown, where: string): void {
  let node = tree;
  if (path.includes('__proto__')) throw new BatonError('bad_config', `${where}: no such key`);
  for (const step of path.slice(0, -1)) {
    const next = (Object.hasOwn(node, step) ? node[step] : null) ?? {};
    if (typeof next !== 'object' || Array.isArray(next)) {
      throw new BatonError('bad_config', `${where}: ${step} is not a section: set the whole value instead`);
    }
    node[step] = next;
    node = next as Tree;
  }
  node[path.at(-1) ?? ''] = value;
}
