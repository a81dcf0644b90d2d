// The search: inputs that run new code are kept and changed further. Coverage is looked at once per batch, since a look costs as much
// as many runs; a batch that brought something is run again one by one.
import { Chance } from './chance.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  seed: number;
  /** CPU time of this process, ms. */
  cpuMs: number;
  inputs: readonly Buffer[];
  /** Told every 30 s of CPU time. */
  report: (progress: FuzzProgress) => void;
}

export interface FuzzProgress {
  runs: number;
  inputs: number;
  /** Share of the target's files that has run. */
  covered: number;
  cpuSeconds: number;
}

export interface FuzzResult extends FuzzProgress {
  /** Inputs that brought new coverage, in the order they were found; what was given first. */
  kept: readonly Buffer[];
  finding: { input: Buffer; error: unknown } | null;
}

const BATCH_MAX = 2000;
const REPORT_MS = 30_000;

export function fuzz(target: FuzzTarget, options: FuzzOptions): FuzzResult {
  return new Search(target, options).search();
}

class Search {
  private readonly target: FuzzTarget;
  private readonly options: FuzzOptions;
  private readonly chance: Chance;
  private readonly words: readonly Buffer[];
  private readonly coverage: Coverage;
  private readonly kept: Buffer[] = [];
  private finding: FuzzResult['finding'] = null;
  private runs = 0;

  constructor(target: FuzzTarget, options: FuzzOptions) {
    this.target = target;
    this.options = options;
    this.chance = new Chance(options.seed);
    this.words = target.words.map((word) => Buffer.from(word, 'latin1'));
    this.coverage = new Coverage(target.covers);
  }

  search(): FuzzResult {
    const { cpuMs, inputs, report } = this.options;
    this.coverage.ranNewly();
    for (const input of inputs) this.judge(input);
    if (this.kept.length === 0) this.kept.push(Buffer.alloc(0));
    let reported = 0;
    let size = 16;
    while (this.finding === null && cpuTime() < cpuMs) {
      const began = cpuTime();
      const tried = this.batch(size);
      const ran = cpuTime();
      const fresh = this.coverage.ranNew();
      // Looking may take a fifth of the time.
      if (cpuTime() - ran > (ran - began) / 4) size = Math.min(2 * size, BATCH_MAX);
      // One of each batch is looked at for how often it ran what is known.
      for (const input of fresh ? tried : [this.chance.pick(tried)]) this.judge(input);
      if (cpuTime() - reported > REPORT_MS) {
        reported = cpuTime();
        report(this.progress());
      }
    }
    this.coverage.close();
    return { ...this.progress(), kept: this.kept, finding: this.finding };
  }

  private batch(size: number): Buffer[] {
    const { target, chance, words, kept } = this;
    const tried: Buffer[] = [];
    for (let n = 0; n < size && this.finding === null; n++) {
      // The latest finds are changed more often.
      const among = chance.below(2) === 0 ? Math.min(kept.length, 32) : kept.length;
      const input = kept[kept.length - 1 - chance.below(among)] ?? Buffer.alloc(0);
      const changed = mutate(input, chance.pick(kept), words, chance, target.bytesMax);
      tried.push(changed);
      this.run(changed);
    }
    return tried;
  }

  /** Keeps an input that runs something new. */
  private judge(input: Buffer): void {
    if (this.finding !== null) return;
    this.run(input);
    if (this.coverage.ranNewly()) this.kept.push(input);
  }

  private run(input: Buffer): void {
    this.runs++;
    try {
      this.target.run(input);
    } catch (error) {
      this.finding ??= { input, error };
    }
  }

  private progress(): FuzzProgress {
    const { runs, kept, coverage } = this;
    const covered = Math.round(coverage.share * 1000) / 1000;
    return { runs, inputs: kept.length, covered, cpuSeconds: Math.round(cpuTime() / 1000) };
  }
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
