// The prompts of the identity run, from one seed: lengths log-uniform from 1 to `longest`, every length from 240 to 272, each
// residue modulo chunk (and so modulo page), prefixes shared with earlier prompts, exact repeats, and twins sent at once.
import { seededRandom, type Random } from '#core/random.ts';

export interface PromptPlan {
  tokens: Uint32Array;
  /** Why this prompt is among them, for the report. */
  kind: 'length' | 'residue' | 'free' | 'prefix' | 'repeat' | 'twin';
}

export interface PlanOptions {
  prompts: number;
  seed: number;
  longest: number;
  chunkTokens: number;
  /** Token ids are drawn below this. */
  vocab: number;
}

const logUniform = (random: Random, longest: number): number =>
  Math.min(longest, Math.floor(Math.exp(random.unit() * Math.log(longest + 1))));

function draw(random: Random, length: number, vocab: number): Uint32Array {
  return Uint32Array.from({ length }, () => Math.floor(random.unit() * vocab));
}

/** Lengths to cover, most telling first, so that a short run keeps the essential ones. */
function wantedLengths(random: Random, options: PlanOptions): { length: number; kind: PromptPlan['kind'] }[] {
  const { longest, chunkTokens } = options;
  const lengths: { length: number; kind: PromptPlan['kind'] }[] = [];
  for (let length = 240; length <= 272; length++) lengths.push({ length, kind: 'length' });
  const covered = new Set(lengths.map(({ length }) => length % chunkTokens));
  for (let residue = 0; residue < chunkTokens; residue++) {
    if (covered.has(residue)) continue;
    const near = logUniform(random, longest);
    let length = near - (near % chunkTokens) + residue;
    if (length > longest) length -= chunkTokens;
    if (length < 1) length += chunkTokens;
    lengths.push({ length, kind: 'residue' });
  }
  return lengths;
}

/** The plan of one run: exactly `options.prompts` prompts. */
export function planPrompts(options: PlanOptions): PromptPlan[] {
  const random = seededRandom(options.seed);
  const pick = (n: number): number => Math.floor(random.unit() * n);
  const plans: PromptPlan[] = [];
  const fresh = (length: number, kind: PromptPlan['kind']): PromptPlan => ({
    tokens: draw(random, length, options.vocab),
    kind,
  });
  const derived = (): PromptPlan | null => {
    const from = plans.length > 0 ? plans[pick(plans.length)] : undefined;
    if (from === undefined) return null;
    const choice = random.unit();
    if (choice < 0.25) return { tokens: from.tokens, kind: 'repeat' };
    const keep = Math.max(1, pick(from.tokens.length + 1));
    const more = 1 + pick(Math.max(1, Math.min(600, options.longest - keep)));
    const tokens = new Uint32Array(Math.min(options.longest, keep + more));
    tokens.set(from.tokens.subarray(0, keep));
    tokens.set(draw(random, tokens.length - keep, options.vocab), keep);
    return { tokens, kind: 'prefix' };
  };
  // A fifth of a run reuses earlier prompts, some are twins; the rest covers lengths.
  const wanted = wantedLengths(random, options);
  const slack = Math.max(0, options.prompts - wanted.length);
  const reuseEvery = slack >= options.prompts / 5 ? 5 : 10;
  while (plans.length < options.prompts) {
    const reuse = plans.length % reuseEvery === reuseEvery - 1 ? derived() : null;
    if (reuse !== null) plans.push(reuse);
    else {
      const at = options.prompts < wanted.length ? pick(wanted.length) : 0;
      const next = wanted.splice(at, 1)[0];
      plans.push(
        next === undefined
          ? fresh(Math.max(1, logUniform(random, options.longest)), 'free')
          : fresh(next.length, next.kind),
      );
    }
    if (plans.length % 30 === 10 && plans.length < options.prompts) {
      const last = plans.at(-1);
      if (last !== undefined) plans.push({ tokens: last.tokens, kind: 'twin' });
    }
  }
  return plans.slice(0, options.prompts);
}
