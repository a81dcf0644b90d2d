// The reference engine with the demo's model, serving alone: how fast it starts, prefills and decodes. Stated, not bounded.
//   npm run bench -- engine [--rounds 7] [--prompt 2000] [--answer 200] [--threads 1]
import { parseArgs } from 'node:util';
import { startCluster } from '#cli/cluster.ts';
import { seededRandom } from '#core/random.ts';
import { complete } from '../test/support/complete.ts';

const AT_ONCE = [1, 8];

interface Row {
  at_once: number;
  prefill_tokens_per_s: number;
  decode_tokens_per_s: number;
}

export async function run(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '7' },
      prompt: { type: 'string', default: '2000' },
      answer: { type: 'string', default: '200' },
      threads: { type: 'string', default: '1' },
    },
  });
  const [rounds, prompt, answer] = [values.rounds, values.prompt, values.answer].map(Number) as [
    number,
    number,
    number,
  ];
  const starts: number[] = [];
  const rows: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = performance.now();
    const cluster = await startCluster({
      nodes: [],
      engines: [{ name: 'alone', role: 'both', node: null, settings: { threads: Number(values.threads) } }],
      router: null,
    });
    try {
      starts.push((performance.now() - before) / 1000);
      const { url } = cluster.member('alone');
      for (const atOnce of AT_ONCE) rows.push(await measure({ url, atOnce, prompt, answer, seed: round }));
    } finally {
      await cluster.stop();
    }
  }
  const startup = median(starts);
  const medians = AT_ONCE.map((atOnce) => {
    const mine = rows.filter((row) => row.at_once === atOnce);
    return {
      at_once: atOnce,
      prefill_tokens_per_s: Math.round(median(mine.map((row) => row.prefill_tokens_per_s))),
      decode_tokens_per_s: Math.round(median(mine.map((row) => row.decode_tokens_per_s))),
    };
  });
  console.log(`start to ready: ${startup.toFixed(2)} s (median of ${rounds})\n`);
  console.log('| requests at once | prefill tokens/s | decode tokens/s |\n| --- | --- | --- |');
  for (const row of medians) console.log(`| ${Object.values(row).join(' | ')} |`);
  console.log(`\n${JSON.stringify({ startup_s: Math.round(startup * 1000) / 1000, rows: medians })}`);
  return true;
}

interface Measured {
  url: string;
  atOnce: number;
  prompt: number;
  answer: number;
  seed: number;
}

/** Prompts are computed by the first call; the second finds them in the prefix cache and decodes. */
async function measure({ url, atOnce, prompt, answer, seed }: Measured): Promise<Row> {
  const random = seededRandom(1000 * seed + atOnce);
  const prompts = Array.from({ length: atOnce }, () =>
    Uint32Array.from({ length: prompt }, () => Math.floor(random.unit() * 256)),
  );
  const all = async (answerTokens: number): Promise<number> => {
    const before = performance.now();
    await Promise.all(
      prompts.map((tokens, i) =>
        complete({ url, id: `bench-${seed}-${atOnce}-${answerTokens}-${i}`, tokens, answerTokens, model: 'tiny', headers: {}, extra: {} }),
      ),
    ); // prettier-ignore
    return (performance.now() - before) / 1000;
  };
  const first = await all(1);
  const cached = await all(1);
  const whole = await all(1 + answer);
  return {
    at_once: atOnce,
    prefill_tokens_per_s: (atOnce * prompt) / first,
    decode_tokens_per_s: (atOnce * answer) / (whole - cached),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
