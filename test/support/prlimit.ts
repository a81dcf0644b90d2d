// The limit on a running process's descriptors.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { heldBy } from './resources.ts';

/** From now on it gets no more than it has; the result gives it back what it was allowed before. */
export function withoutMoreDescriptors(pid: number): () => void {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  const set = (files: string): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
  };
  set(String(heldBy(pid).fds.length));
  return () => {
    set(soft);
  };
}
