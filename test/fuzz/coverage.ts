// Which characters of the target's files ran, and about how often, by V8's own coverage: what makes an input worth keeping. V8 tells
// ranges, which it merges as their counts happen to be; characters stay what they are.
import { Session, type Profiler } from 'node:inspector';

interface File {
  counts: Uint32Array;
  /** Bit n: it ran at least 2^n and less than 2^(n+1) times between two looks. */
  seen: Uint32Array;
}

export class Coverage {
  private readonly session = new Session();
  private readonly covers: readonly string[];
  private readonly files = new Map<string, File>();

  constructor(covers: readonly string[]) {
    this.covers = covers;
    this.session.connect();
    this.session.post('Profiler.enable');
    this.session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Share of the characters that have ran so far. */
  get share(): number {
    let [all, ran] = [0, 0];
    for (const { seen } of this.files.values()) {
      all += seen.length;
      for (const bits of seen) if (bits !== 0) ran++;
    }
    return ran / all;
  }

  /** Whether something ran since the last look that never had before. */
  ranNew(): boolean {
    return this.look((bits) => bits === 0, false);
  }

  /** Whether something ran as often since the last look as it never had before; it counts as seen from now on. */
  ranNewly(): boolean {
    return this.look((bits, count) => (bits & bitOf(count)) === 0, true);
  }

  close(): void {
    this.session.disconnect();
  }

  private look(isFresh: (bits: number, count: number) => boolean, mark: boolean): boolean {
    let fresh = false;
    for (const { url, functions } of this.take()) {
      if (!this.covers.some((path) => url.endsWith(`/${path}`))) continue;
      const { counts, seen } = this.fileOf(url, functions);
      counts.fill(0);
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges) counts.fill(count, startOffset, endOffset);
      for (let i = 0; i < counts.length; i++) {
        const count = counts[i] ?? 0;
        if (count === 0) continue;
        const bits = seen[i] ?? 0;
        fresh ||= isFresh(bits, count);
        if (mark) seen[i] = bits | bitOf(count);
      }
    }
    return fresh;
  }

  private fileOf(url: string, functions: readonly Profiler.FunctionCoverage[]): File {
    let file = this.files.get(url);
    if (file === undefined) {
      const length = Math.max(...functions.flatMap(({ ranges }) => ranges.map(({ endOffset }) => endOffset)));
      file = { counts: new Uint32Array(length), seen: new Uint32Array(length) };
      this.files.set(url, file);
    }
    return file;
  }

  private take(): readonly Profiler.ScriptCoverage[] {
    let result: readonly Profiler.ScriptCoverage[] = [];
    this.session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error === null) result = taken.result;
    });
    return result;
  }
}

const bitOf = (count: number): number => 1 << (31 - Math.clz32(count));
