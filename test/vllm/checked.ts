// Check mode: what the connectors of a pair have gathered and loaded, compared by digest.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LivePair } from './live.ts';

interface Line {
  event: 'gathered' | 'loaded';
  engine: string;
  request: string;
  chunk: number;
  key: string;
  tokens: number;
  start: number;
  digests: string[];
}

export interface Checked {
  /** Chunks that stand in pages they were loaded into, and their stripes. */
  loaded: number;
  stripes: number;
  gathered: number;
  /** Loaded chunks whose digests are not those that some engine gathered under that name, in words. */
  wrong: string[];
  lines: Line[];
}

const read = (file: string): Line[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as Line)
    : []; // prettier-ignore

/** A gathered chunk is told at its step's end, which decode does not wait for. */
const TOLD_MS = 10_000;

/** From now on: the function tells what was loaded since. What it is compared with may have been gathered at any time before. */
export function checking(pair: LivePair): () => Promise<Checked> {
  const files = [pair.prefill.checkFile, pair.decode.checkFile];
  const before = files.map((file) => read(file).length);
  return async () => {
    const deadline = performance.now() + TOLD_MS;
    for (;;) {
      const { checked, untold } = compare(files.map(read), before);
      if (!untold || performance.now() > deadline) return checked;
      await sleep(50);
    }
  };
}

/** `all`: the lines of each file; those from `before` on are told of. */
function compare(all: Line[][], before: readonly number[]): { checked: Checked; untold: boolean } {
  const known = new Map<string, Set<string>>();
  for (const { event, key, tokens, start, digests } of all.flat()) {
    if (event !== 'gathered') continue;
    const at = `${key} ${tokens} ${start}`;
    known.set(at, (known.get(at) ?? new Set()).add(digests.join()));
  }
  const lines = all.flatMap((list, i) => list.slice(before[i]));
  const loaded = lines.filter(({ event }) => event === 'loaded');
  let untold = false;
  const wrong = loaded.flatMap(({ engine, request, chunk, key, tokens, start, digests }) => {
    const gathered = known.get(`${key} ${tokens} ${start}`);
    if (gathered?.has(digests.join()) === true) return [];
    untold ||= gathered === undefined;
    const why = gathered === undefined ? 'never gathered' : 'other bytes than gathered';
    return [`${engine}, ${request}: chunk ${chunk} (${tokens} tokens from ${start}, key ${key}): ${why}`];
  });
  const checked = {
    loaded: loaded.length,
    stripes: loaded.reduce((sum, { digests }) => sum + digests.length, 0),
    // One line for each page a reader may begin at.
    gathered: lines.filter(({ event, start }) => event === 'gathered' && start === 0).length,
    wrong,
    lines,
  };
  return { checked, untold };
}
