import { posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { importErrors, includeErrors } from './layers.ts';
import { sources } from './sources.ts';

/** What a TypeScript file names by import, export-from, require or as an addon. */
function specifiers(text: string): string[] {
  const imported = ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
  const addons = [...text.matchAll(/['"](#[\w-]+-addon)['"]/g)].map((match) => match[1] ?? '');
  return [...new Set([...imported, ...addons])];
}

function includes(text: string): string[] {
  return [...text.matchAll(/^\s*#\s*include\s*["<]([^">]+)[">]/gm)].map((match) => match[1] ?? '');
}

const check = (path: string, text: string) => importErrors(path, specifiers(text));

describe('TypeScript', () => {
  test('every file imports only what its layer may', () => {
    expect(sources(['.ts']).flatMap(({ path, text }) => check(path, text))).toEqual([]);
  });

  test.each([
    ['core/keys.ts', `import { x } from '#proto/gen/a.ts';`],
    ['core/keys.ts', `import { z } from 'zod';`],
    ['router/main.ts', `import { x } from '#transfer/ledger.ts';`],
    ['router/main.ts', `import { x } from '../transfer/ledger.ts';`],
    ['router/main.ts', `export { x } from '#test/support/a.ts';`],
    ['router/main.ts', `const a = await import('undici');`],
    ['transfer/main.ts', `import { x } from '#router/main.ts';`],
    ['transfer/bus.ts', `createRequire(import.meta.url)('#baton-addon');`],
    ['engines/reference/main.ts', `createRequire(import.meta.url)('#baton-addon');`],
    ['engines/reference/main.ts', `import { x } from '#transfer/client.ts';`],
    ['cli/main.ts', `import type { x } from '#router/journey.ts';`],
    ['cli/doctor.ts', `import type { x } from '#router/doctor/judge.ts';`],
    ['cli/main.ts', `import x from 'left-pad';`],
  ])('%s may not contain: %s', (path, text) => {
    expect(check(path, text)).toHaveLength(1);
  });

  test.each([
    ['core/schema.ts', `export { z } from 'zod';`],
    ['core/log.ts', `import { pino } from 'pino'; import { hostname } from 'node:os';`],
    ['router/place.ts', `import { x } from '#transfer/client.ts'; import { y } from '#core/keys.ts';`],
    ['transfer/native.ts', `createRequire(import.meta.url)('#baton-addon');`],
    ['transfer/client.ts', `import * as grpc from '@grpc/grpc-js'; import { m } from '#proto/gen/a.ts';`],
    ['engines/reference/addon.ts', `createRequire(import.meta.url)('#reference-addon');`],
    ['cli/demo.ts', `import '#router/main.ts'; import './program.ts';`],
    ['cli/doctor.ts', `import { x } from '#router/doctor/main.ts';`],
    ['test/flow/a.test.ts', `import OpenAI from 'openai'; import '#router/journey.ts';`],
  ])('%s may contain: %s', (path, text) => {
    expect(check(path, text)).toEqual([]);
  });
});

describe('C++', () => {
  const native = sources(['.cc', '.h']).filter(({ path }) => /^native\/src\//.test(path));
  const known = new Set(native.map(({ path }) => posix.relative('native/src', path)));

  test('every file includes only what its layer may', () => {
    const errors = native.flatMap(({ path, text }) =>
      includeErrors(posix.relative('native/src', path), includes(text), known),
    );
    expect(errors).toEqual([]);
  });

  test('the reference engine knows the arena only through the C ABI', () => {
    const foreign = sources(['.cc', '.h'])
      .filter(({ path }) => path.startsWith('engines/'))
      .flatMap(({ path, text }) =>
        includes(text)
          .filter(
            (file) => /(^|\/)(arena|session|copy|path|bus|capi)\//.test(file) || file.includes('native/src'),
          )
          .map((file) => `${path} includes ${file}`),
      );
    expect(foreign).toEqual([]);
  });

  test.each([
    ['base/status.h', 'arena/slots.h'],
    ['arena/slots.h', 'session/server.h'],
    ['session/server.h', 'path/path.h'],
    ['copy/cpu.h', '../path/path.h'],
    ['path/tcp/lane.h', 'path/ucx/lane.h'],
    ['path/path.h', 'path/tcp/lane.h'],
    ['path/tcp/lane.h', 'bus/ticket.h'],
    ['bus/ticket.h', 'capi/capi.h'],
    ['capi/capi.cc', 'node/addon.h'],
    ['bus/ticket.h', 'napi.h'],
    ['bus/ticket.h', 'node_api.h'],
  ])('%s may not include %s', (path, file) => {
    expect(includeErrors(path, [file], new Set([file]))).toHaveLength(1);
  });

  test.each([
    ['arena/slots.h', 'base/status.h'],
    ['session/server.h', 'arena/slots.h'],
    ['path/tcp/lane.h', 'path/path.h'],
    ['path/tcp/lane.h', 'path/tcp/frame.h'],
    ['bus/ticket.h', 'path/tcp/lane.h'],
    ['capi/capi.cc', 'bus/ticket.h'],
    ['capi/capi.cc', 'baton.h'],
    ['node/addon.cc', 'napi.h'],
    ['base/digest.cc', 'xxhash.h'],
    ['base/digest.cc', 'vector'],
  ])('%s may include %s', (path, file) => {
    expect(includeErrors(path, [file], new Set(file.includes('/') ? [file] : []))).toEqual([]);
  });
});
