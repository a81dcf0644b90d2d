// The file by which whoever started the demo learns that it is ready, and its addresses and pids.
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { BatonError } from '#core/errors.ts';

/** Before anything is started: an earlier run's file must not be taken for this one's. */
export function clearReadyFile(path: string): void {
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new BatonError(
      'bad_config',
      `--ready-file: ${folder} is not a folder: create it or correct the path`,
    );
  }
  attempt(path, () => {
    rmSync(path, { force: true });
  });
}

/** Written whole or not at all: whoever waits for the file may read it at once. */
export function writeReadyFile(path: string, document: object): void {
  attempt(path, () => {
    writeFileSync(`${path}.tmp`, `${JSON.stringify(document, null, 2)}\n`);
    renameSync(`${path}.tmp`, path);
  });
}

function attempt(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw new BatonError(
      'bad_config',
      `--ready-file: cannot write ${path} (${why}): correct the path or its permissions`,
      { cause: error },
    );
  }
}
