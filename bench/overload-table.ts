// What one step of the overload bench was, as figures and as a line of its table.
import type { Seen } from '#test/support/open-loop.ts';

export interface Step {
  times: number;
  goodPerS: number;
  firstP99: number;
  refusalMs: number | null;
  wrong: number;
  line: string;
}

export interface Facts {
  times: number;
  seconds: number;
  all: readonly Seen[];
  /** Ids of wrong answers. */
  wrong: ReadonlySet<string>;
  boundMs: number;
  /** Share of one core, by process. */
  cpu: Readonly<Record<string, number>>;
}

export function figuresOf({ times, seconds, all, wrong, boundMs, cpu }: Facts): Step {
  const firsts = all.flatMap(({ sentAt, firstAt }) => (firstAt === null ? [] : [firstAt - sentAt]));
  const good = all.filter(
    ({ id, outcome, sentAt, firstAt }) =>
      outcome === 'ok' && !wrong.has(id) && firstAt !== null && firstAt - sentAt <= boundMs,
  );
  const late = all.filter(({ sentAt, firstAt }) => firstAt !== null && firstAt - sentAt > boundMs);
  const refused = all.filter(({ status }) => status === 429 || status === 503);
  const refusals = refused.flatMap(({ sentAt, endAt }) => (endAt === null ? [] : [endAt - sentAt]));
  const outcomes = countBy(all.filter(({ outcome }) => outcome !== 'ok').map(({ outcome }) => outcome));
  const [firstP50, firstP99] = [quantile(firsts, 0.5), quantile(firsts, 0.99)];
  const refusalMs = refusals.length === 0 ? null : quantile(refusals, 0.5);
  const goodPerS = good.length / seconds;
  const line = [
    `${times}x: offered ${(all.length / seconds).toFixed(1)}/s, good ${goodPerS.toFixed(2)}/s`,
    `late ${late.length}, wrong ${wrong.size}, refused ${listed(outcomes)}`,
    `first token p50 ${firstP50.toFixed(0)} p99 ${firstP99.toFixed(0)} ms`,
    `refusal p50 ${refusalMs?.toFixed(1) ?? '-'} p99 ${refusals.length === 0 ? '-' : quantile(refusals, 0.99).toFixed(1)} ms`,
    `CPU ${Object.entries(cpu).map(([name, share]) => `${name} ${Math.round(share * 100)}%`).join(', ')}`,
  ].join('; '); // prettier-ignore
  return { times, goodPerS, firstP99, refusalMs, wrong: wrong.size, line };
}

/** Over all steps: the last one's goodput by the best one's, its first tokens, the slowest median refusal. */
export function totals(steps: readonly Step[]): { goodput: number; firstMs: number; refusalMs: number; wrong: number } {
  const peak = Math.max(...steps.map(({ goodPerS }) => goodPerS));
  const last = steps.at(-1);
  return {
    goodput: Math.round(((last?.goodPerS ?? 0) / peak) * 1000) / 1000,
    firstMs: Math.round(last?.firstP99 ?? NaN),
    refusalMs: Math.max(0, ...steps.map(({ refusalMs }) => refusalMs ?? 0)),
    wrong: steps.reduce((sum, { wrong }) => sum + wrong, 0),
  };
} // prettier-ignore

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, count]) => `${name} ${count}`).join(' + ') || '0';
