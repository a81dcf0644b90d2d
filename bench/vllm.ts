// First token and throughput of two real vLLM engines on this machine's CPU: plain, behind the router over vLLM's NixlConnector, and
// over Baton's bus. One pair of engines after the other; of each pair the plain requests and those through the router take turns.
//   npm run bench -- vllm [--rounds 5] [--requests 8] [--lengths 200,1000,3000] [--concurrency 1,4] [--tokens 32] [--dialects vllm-nixl,baton]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { interruptible } from '#cli/interruptible.ts';
import { exposition, metricIn } from '#cli/metrics.ts';
import { deployVllm } from '#cli/vllm/deploy.ts';
import type { VllmDialect, VllmPair } from '#cli/vllm/pair.ts';
import { BatonError } from '#core/errors.ts';
import { median } from './process.ts';
import { answered, loaded, type Answered, type Target } from './vllm-load.ts';

const ENGINES = {
  kind: 'random',
  servedName: 'tiny',
  dtype: 'float32',
  maxModelLen: 4096,
  check: false,
} as const;
const say = (line: string): void => {
  console.error(`bench: ${line}`);
};
const REPORT_MS = 10_000;
const WARM_TOKENS = [600, 40];

interface Workload {
  rounds: number;
  /** Per round and unit of concurrency. */
  requests: number;
  lengths: number[];
  concurrency: number[];
  tokens: number;
}

interface Handed {
  requests: number;
  handed_over: number;
  retries: number;
}

interface Row {
  pair: VllmDialect;
  target: string;
  prompt_tokens: number;
  concurrency: number;
  requests: number;
  ttft_p50_ms: number;
  ttft_p99_ms: number;
  output_tokens_per_s: number;
  prompt_tokens_per_s: number;
}

export async function run(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      requests: { type: 'string', default: '8' },
      lengths: { type: 'string', default: '200,1000,3000' },
      concurrency: { type: 'string', default: '1,4' },
      tokens: { type: 'string', default: '32' },
      dialects: { type: 'string', default: 'vllm-nixl,baton' },
    },
  });
  const numbers = (list: string): number[] => list.split(',').map(Number);
  const workload: Workload = {
    rounds: Number(values.rounds),
    requests: Number(values.requests),
    lengths: numbers(values.lengths),
    concurrency: numbers(values.concurrency),
    tokens: Number(values.tokens),
  };
  const rows: Row[] = [];
  const handed: Record<string, Handed> = {};
  for (const dialect of dialectsOf(values.dialects)) {
    await interruptible(
      true,
      (signal) => deployVllm({ ...ENGINES, dialect, signal, say }),
      async (pair) => {
        const before = await counted(pair, dialect);
        const all = await measure(pair, dialect, workload);
        const asked = all.filter(({ target }) => target === dialect).reduce((sum, row) => sum + row.requests, 0);
        handed[dialect] = await since(before, asked + WARM_TOKENS.length, () => counted(pair, dialect));
        rows.push(...all);
      },
    ); // prettier-ignore
    if (process.exitCode !== undefined) return false;
  }
  printTables(rows);
  console.log(JSON.stringify({ workload, handed, rows }));
  return Object.values(handed).every(
    ({ requests, handed_over, retries }) => handed_over === requests && retries === 0,
  );
}

function dialectsOf(list: string): VllmDialect[] {
  const known: readonly VllmDialect[] = ['vllm-nixl', 'baton'];
  return list.split(',').map((name) => {
    const dialect = known.find((one) => one === name);
    if (dialect === undefined)
      throw new BatonError('bad_config', `--dialects ${name}: choose from ${known.join(', ')}`);
    return dialect;
  });
}

/** As the router counts them, warm-up included: handed over, and placed again (a lease missed, a failed pull). */
async function counted(pair: VllmPair, dialect: VllmDialect): Promise<Omit<Handed, 'requests'>> {
  const text = await exposition(pair.adminUrl);
  const handed =
    dialect === 'baton'
      ? metricIn(text, 'baton_router_tickets_total', 'state="settled"')
      : metricIn(text, 'baton_router_nixl_params_total', 'outcome="passed"');
  return { handed_over: handed, retries: metricIn(text, 'baton_router_retries_total') };
}

/** What was counted for these requests; a ticket's last report follows its answer. */
async function since(
  before: Omit<Handed, 'requests'>,
  requests: number,
  count: () => Promise<Omit<Handed, 'requests'>>,
): Promise<Handed> {
  const deadline = performance.now() + REPORT_MS;
  for (;;) {
    const now = await count();
    const handed = now.handed_over - before.handed_over;
    if (handed >= requests || performance.now() > deadline)
      return { requests, handed_over: handed, retries: now.retries - before.retries };
    await sleep(100);
  }
}

async function measure(pair: VllmPair, dialect: VllmDialect, workload: Workload): Promise<Row[]> {
  const targets: Target[] = [
    { name: 'one engine', urls: [pair.decode.url], salted: true },
    { name: 'two engines', urls: [pair.prefill.url, pair.decode.url], salted: true },
    { name: dialect, urls: [pair.routerUrl], salted: false },
  ];
  // The first requests do lazy work.
  for (const target of targets)
    for (const length of WARM_TOKENS)
      for (const url of target.urls) await answered({ ...target, urls: [url] }, 0, length, workload.tokens);
  const cells = workload.lengths.flatMap((length) => workload.concurrency.map((at) => ({ length, at })));
  const taken = new Map<string, Answered[][]>();
  for (let round = 0; round < workload.rounds; round++) {
    say(`${dialect} pair: round ${round + 1} of ${workload.rounds}`);
    for (const { length, at } of cells)
      for (const target of targets) {
        const key = `${target.name} ${length} ${at}`;
        const answers = await loaded(target, workload.requests * at, at, length, workload.tokens);
        taken.set(key, [...(taken.get(key) ?? []), answers]);
      }
  }
  return targets.flatMap(({ name }) =>
    cells.map(({ length, at }) => {
      const rounds = taken.get(`${name} ${length} ${at}`) ?? [];
      const first = rounds.flat().map(({ firstMs }) => firstMs).sort((a, b) => a - b);
      const perSecond = (tokens: number): number => median(rounds.map((answers) => (answers.length * tokens) / seconds(answers)));
      return {
        pair: dialect, target: name, prompt_tokens: length, concurrency: at, requests: first.length,
        ttft_p50_ms: tenths(median(first)), ttft_p99_ms: tenths(first[Math.ceil(first.length * 0.99) - 1] ?? NaN),
        output_tokens_per_s: tenths(perSecond(workload.tokens)), prompt_tokens_per_s: tenths(perSecond(length)),
      };
    }),
  ); // prettier-ignore
}

/** From the first request's sending to the last one's end. */
const seconds = (answers: readonly Answered[]): number =>
  (Math.max(...answers.map(({ end }) => end)) - Math.min(...answers.map(({ start }) => start))) / 1000;

function printTables(rows: readonly Row[]): void {
  const cells = [...new Set(rows.map((row) => `${row.prompt_tokens} | ${row.concurrency}`))];
  const columns = [...new Set(rows.map((row) => `${row.target} (${row.pair} pair)`))];
  const table = (title: string, tell: (row: Row) => string): void => {
    console.log(`\n${title}\n\n| prompt | at a time | ${columns.join(' | ')} |`);
    console.log(`| --- | --- | ${columns.map(() => '---').join(' | ')} |`);
    for (const cell of cells) {
      const of = rows.filter((row) => `${row.prompt_tokens} | ${row.concurrency}` === cell);
      console.log(`| ${cell} | ${of.map(tell).join(' | ')} |`);
    }
  };
  table('first token, ms, p50 / p99', (row) => `${row.ttft_p50_ms} / ${row.ttft_p99_ms}`);
  table(
    'output tokens/s / prompt tokens/s',
    (row) => `${row.output_tokens_per_s} / ${row.prompt_tokens_per_s}`,
  );
  console.log('');
}

const tenths = (value: number): number => Math.round(value * 10) / 10;
