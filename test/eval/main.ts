// npm run eval:tiny -- --prompts N --seed S: prompts of the test split, from 200 to 2 000 tokens, through the router, to an engine
// that does both and over prefill and decode. Exact: the answer is the expected text to its last character.
import { parseArgs } from 'node:util';
import type { Cluster } from '#cli/cluster.ts';
import { ask } from '#cli/demo/ask.ts';
import {
  heldOutPrompts,
  messagesOf,
  promptTokens,
  type HeldOut,
} from '#engines/reference/training/held-out.ts';
import { metricSum } from '../support/metrics.ts';
import { aggregated, disaggregated } from './deployment.ts';

const TOKENS = [200, 2000] as const;
/** The last sentence that would be too long is left out. */
const SLACK = 50;
const EXACT_MIN = 0.95;
const AT_ONCE = 4;
const ANSWER_TOKENS_MAX = 32;

const { values } = parseArgs({
  options: { prompts: { type: 'string', default: '500' }, seed: { type: 'string', default: '1' } },
});
const prompts = heldOutPrompts(Number(values.prompts), Number(values.seed), TOKENS);
const totals = { prompts: 0, exactWhole: 0, exactPair: 0, same: 0 };
const complaints: string[] = [];

async function compare(one: Cluster, pair: Cluster, prompt: HeldOut, index: number): Promise<void> {
  const messages = messagesOf(prompt);
  const { question, answer } = prompt.turns.at(-1) ?? { question: '', answer: '' };
  const asked = { model: 'tiny', maxTokens: ANSWER_TOKENS_MAX, ignoreEos: false };
  const [whole, split] = await Promise.all([
    ask(one.routerUrl, `eval-${index}`, messages, asked),
    ask(pair.routerUrl, `eval-${index}`, messages, asked),
  ]);
  totals.prompts += 1;
  totals.exactWhole += whole.text === answer ? 1 : 0;
  totals.exactPair += split.text === answer ? 1 : 0;
  totals.same += String(whole.tokenIds) === String(split.tokenIds) ? 1 : 0;
  const tokens = split.promptTokens;
  if (tokens !== promptTokens(prompt) || tokens < TOKENS[0] - SLACK || tokens > TOKENS[1])
    complaints.push(`prompt ${index} has ${tokens} tokens`);
  if (split.text !== answer || whole.text !== answer)
    complaints.push(
      `prompt ${index}, ${tokens} tokens: ${JSON.stringify({ question, answer, aggregated: whole.text, disaggregated: split.text })}`,
    );
}

const clusters: Cluster[] = [];
try {
  const [one, pair] = [await aggregated(), await disaggregated()];
  clusters.push(one, pair);
  const queue = prompts.map((prompt, index) => ({ prompt, index }));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift())
      await compare(one, pair, next.prompt, next.index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const bytes = await metricSum(pair.services, 'baton_transfer_lane_bytes_in_total');
  console.log(`${bytes} bytes over lanes`);
  if (bytes === 0) complaints.push('nothing crossed a lane');
} finally {
  for (const cluster of clusters) await cluster.stop();
}
for (const complaint of complaints.slice(0, 20)) console.log(complaint);
const share = (exact: number): number => Math.round((exact / totals.prompts) * 10_000) / 10_000;
const result = {
  prompts: totals.prompts,
  exact_aggregated: share(totals.exactWhole),
  exact_disaggregated: share(totals.exactPair),
  same: totals.same,
};
console.log(JSON.stringify(result));
const right =
  result.prompts > 0 &&
  result.same === result.prompts &&
  Math.min(result.exact_aggregated, result.exact_disaggregated) >= EXACT_MIN;
process.exitCode = right ? 0 : 1;
