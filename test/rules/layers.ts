import { posix } from 'node:path';

/** What each folder may import besides itself, as patterns of paths from the root. */
const mayImport: Readonly<Record<string, readonly RegExp[]>> = {
  core: [],
  proto: [],
  transfer: [/^core\//, /^proto\/gen\//],
  router: [/^core\//, /^proto\/gen\//, /^transfer\/(client|link)\.ts$/],
  engines: [/^core\//],
  cli: [
    /^core\//,
    /^(router(\/doctor)?|transfer|engines\/reference)\/main\.ts$/,
    /^engines\/reference\/training\/held-out\.ts$/,
  ],
  scripts: [],
  test: [/./],
  bench: [/./],
};

/** The modules of the product that may import a third-party package; every other import of it is an error. */
const importers: Readonly<Record<string, RegExp>> = {
  zod: /^core\/schema\.ts$/,
  pino: /^core\/log\.ts$/,
  'prom-client': /^core\/metrics\.ts$/,
  yaml: /^core\/config\.ts$/,
  tokenizers: /^core\/render\.ts$/,
  '@huggingface/jinja': /^core\/render\.ts$/,
  commander: /^cli\/program\.ts$/,
  zeromq: /^router\/kv-events\/zeromq\.ts$/,
  undici: /^router\/edge\/upstream\.ts$/,
  // In the browser it is page/chart.js (test/unit/router/ui/assets.test.ts).
  uplot: /^router\/ui\/page\/uplot\.d\.ts$/,
  '@grpc/grpc-js': /^(transfer\/(client|server)\.ts|proto\/gen\/.*)$/,
  '@bufbuild/protobuf': /^proto\/gen\/.*$/,
  '#baton-addon': /^transfer\/native\.ts$/,
  '#reference-addon': /^engines\/reference\/.*$/,
  '#planted': /^(core|router|transfer)\/.*$/,
};

/** Not part of the product: may use any package, including development ones. */
const isProduct = (top: string) => !['test', 'bench', 'scripts'].includes(top);

const topOf = (path: string) => path.split('/')[0] ?? '';

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function importError(path: string, specifier: string): string | undefined {
  const top = topOf(path);
  if (specifier.startsWith('node:')) return undefined;
  const isAddon = /^#[^/]*$/.test(specifier);
  if (!isAddon && /^[.#]/.test(specifier)) {
    const target = specifier.startsWith('#')
      ? specifier.slice(1)
      : posix.normalize(posix.join(posix.dirname(path), specifier));
    if (topOf(target) === top || (mayImport[top] ?? []).some((pattern) => pattern.test(target)))
      return undefined;
    return `${path} imports ${target}`;
  }
  if (!isProduct(top) || importers[packageOf(specifier)]?.test(path)) return undefined;
  return `${path} imports ${specifier}`;
}

/** Imports of the TypeScript file at `path` that break a rule. Files at the root are configuration: free. */
export function importErrors(path: string, specifiers: readonly string[]): string[] {
  if (!path.includes('/')) return [];
  return specifiers.map((specifier) => importError(path, specifier)).filter((error) => error !== undefined);
}

/** base ← arena ← session, copy, path ← bus ← capi, node. */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  arena: ['base'],
  session: ['base', 'arena'],
  copy: ['base', 'arena'],
  path: ['base', 'arena'],
  bus: ['base', 'arena', 'session', 'copy', 'path'],
  capi: ['base', 'arena', 'session', 'copy', 'path', 'bus'],
  node: ['base', 'arena', 'session', 'copy', 'path', 'bus'],
};

/** Which of the paths (path/tcp, path/ucx …) a file belongs to, if any. */
const pathOf = (file: string) => /^path\/([^/]+)\//.exec(file)?.[1];

function includeError(path: string, include: string, known: ReadonlySet<string>): string | undefined {
  const top = topOf(path);
  if (/^(napi|node_api|js_native_api|node|v8|uv)[\w-]*\.h$/.test(include)) {
    return top === 'node' ? undefined : `${path} includes ${include}`;
  }
  const beside = posix.normalize(posix.join(posix.dirname(path), include));
  const target = known.has(include) || include in layers ? include : beside;
  // Neither ours from src/ nor relative: a system header or the public header.
  if (!known.has(target) && !include.startsWith('..')) return undefined;
  const error = `${path} includes ${target}`;
  const targetTop = topOf(target);
  if (targetTop !== top) return layers[top]?.includes(targetTop) ? undefined : error;
  const [own, other] = [pathOf(path), pathOf(target)];
  return top === 'path' && other !== undefined && own !== other ? error : undefined;
}

/** Includes of the C++ file at `path` (from native/src) that break a rule; `known`: all files of native/src. */
export function includeErrors(
  path: string,
  includes: readonly string[],
  known: ReadonlySet<string>,
): string[] {
  return includes.map((include) => includeError(path, include, known)).filter((error) => error !== undefined);
}
