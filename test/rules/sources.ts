import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';

/** The root of the clone. */
export const root = join(import.meta.dirname, '..', '..');

const notOurs = new Set(['node_modules', 'build', 'gen', '__pycache__', 'test-results']);

/** A source file: its path from the root, with forward slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** All source files of the clone with one of these extensions, in order; generated code is left out. */
export function sources(extensions: readonly string[], folder = root): Source[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        return notOurs.has(entry.name) || entry.name.startsWith('.') ? [] : sources(extensions, path);
      }
      if (!entry.isFile() || !extensions.includes(extname(entry.name))) return [];
      return [{ path: relative(root, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }];
    });
}
