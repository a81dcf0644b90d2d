// Inputs kept as files, one folder per target: what fuzzing once found, and what it begins with.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folderOf = (target: string): string => join(import.meta.dirname, 'corpus', target);

export function readCorpus(target: string): { name: string; bytes: Buffer }[] {
  const folder = folderOf(target);
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** Writes an input into a folder under a name of its content; returns its path. */
export function keep(folder: string, prefix: string, bytes: Buffer): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${prefix}-${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`);
  writeFileSync(path, bytes);
  return path;
}

export { folderOf };
