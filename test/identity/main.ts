// npm run identity -- --prompts N --seed S: every answer over prefill and decode equals the answer of an engine serving alone, and
// every stripe in the decode engine's own pages has the digest that the engine alone computes.
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import type { Cluster } from '#cli/cluster.ts';
import { hex } from '#core/ids.ts';
import { rootOf } from '#core/keys.ts';
import { complete, digestsOf, named } from '../support/complete.ts';
import { planPrompts, type PromptPlan } from './prompts.ts';
import { deploy, suites, TENANT, type Suite } from './suites.ts';
import { untilReady } from '#cli/ready.ts';
import { metricSum } from '../support/metrics.ts';

const AT_ONCE = 4;
const CHUNK_TOKENS = 256;

interface Totals {
  prompts: number;
  identical: number;
  stripes: number;
  equal: number;
  bytes: number;
  complaints: string[];
}

const { values } = parseArgs({
  options: {
    prompts: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const keyHash = createHash('sha256').update(TENANT.apiKey).digest('hex');

async function runSuite(suite: Suite, plans: PromptPlan[], totals: Totals): Promise<void> {
  const cluster = await deploy(suite, keyHash);
  try {
    await untilReady(cluster.routerUrl);
    const namespace = Buffer.from(String(cluster.member('alone').child.ready['namespace']), 'hex');
    const root = hex(rootOf(Buffer.from(TENANT.secret), namespace, ''));
    const queue = plans.map((plan, index) => ({ plan, index }));
    const before = { ...totals };
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await compare(
          cluster,
          suite,
          next.plan,
          `${suite.name.replace(/[^a-z0-9]+/gi, '-')}-${next.index}`,
          root,
          totals,
        );
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const bytes = await metricSum(cluster.services, 'baton_transfer_lane_bytes_in_total');
    totals.bytes += bytes;
    if (suite.oneNode && bytes !== 0)
      totals.complaints.push(`${suite.name}: ${bytes} bytes crossed a lane on one node`);
    if (suite.oneNode) await expectNoSlotCopied(cluster, suite, totals);
    if (!suite.oneNode && bytes === 0) totals.complaints.push(`${suite.name}: nothing crossed a lane`);
    const count = (key: 'prompts' | 'identical' | 'stripes' | 'equal'): number => totals[key] - before[key];
    console.log(
      `${suite.name.padEnd(20)} ${count('identical')}/${count('prompts')} answers equal, ${count('equal')}/${count('stripes')} stripes equal, ${bytes} bytes over lanes`,
    );
  } finally {
    await cluster.stop();
  }
}

/** Every slot that the shared arena ever used was filled by an engine's gather: none is a copy of another slot. */
async function expectNoSlotCopied(cluster: Cluster, suite: Suite, totals: Totals): Promise<void> {
  const sum = (name: string): Promise<number> => metricSum(cluster.services, `baton_transfer_${name}`);
  const used = (await sum('arena_slots_used')) + (await sum('arena_evictions_total'));
  const filled = await sum('fills_begun_total');
  if (used === 0 || used > filled)
    totals.complaints.push(`${suite.name}: ${used} slots used, ${filled} of them filled by engines`);
}

async function compare(
  cluster: Cluster,
  suite: Suite,
  plan: PromptPlan,
  id: string,
  root: string,
  totals: Totals,
): Promise<void> {
  const ask = { id, tokens: plan.tokens, answerTokens: suite.answerTokens, model: suite.model };
  const [over, alone] = await Promise.all([
    complete({
      ...ask,
      url: cluster.routerUrl,
      headers: { authorization: `Bearer ${TENANT.apiKey}` },
      extra: {},
    }),
    complete({ ...ask, url: cluster.member('alone').url, headers: {}, extra: named(root) }),
  ]);
  totals.prompts += 1;
  const complain = (what: string): void => {
    totals.complaints.push(
      `${suite.name}, ${plan.kind} prompt of ${plan.tokens.length} tokens (${id}): ${what}`,
    );
  };
  const same =
    over.tokenIds.length === suite.answerTokens && String(over.tokenIds) === String(alone.tokenIds);
  if (same) totals.identical += 1;
  else
    complain(
      `answers differ: ${over.status} ${String(over.tokenIds)} ${over.error} / ${String(alone.tokenIds)} ${alone.error}`,
    );
  const [there, here] = await Promise.all([
    digestsOf(cluster.member('decode-0').url, id),
    digestsOf(cluster.member('alone').url, id),
  ]);
  const chunks = Math.ceil(plan.tokens.length / CHUNK_TOKENS);
  if (there?.length !== chunks || here?.length !== chunks) {
    complain(`digests of ${there?.length ?? 0} and ${here?.length ?? 0} chunks instead of ${chunks}`);
    return;
  }
  for (const [i, chunk] of here.entries()) {
    const other = there[i];
    if (other?.key !== chunk.key) complain(`chunk ${i} has another key`);
    for (const [stripe, digest] of chunk.digests.entries()) {
      totals.stripes += 1;
      if (other?.digests[stripe] === digest) totals.equal += 1;
      else complain(`chunk ${i} stripe ${stripe} differs`);
    }
  }
}

const seed = Number(values.seed);
const totals: Totals = { prompts: 0, identical: 0, stripes: 0, equal: 0, bytes: 0, complaints: [] };
for (const [at, { suite, prompts }] of suites(Number(values.prompts)).entries()) {
  if (values.only !== undefined && !suite.name.includes(values.only)) continue;
  const plan = {
    prompts,
    seed: seed * 1000 + at,
    longest: suite.longest,
    chunkTokens: CHUNK_TOKENS,
    vocab: suite.vocab,
  };
  await runSuite(suite, planPrompts(plan), totals);
}
for (const complaint of totals.complaints.slice(0, 20)) console.log(complaint);
if (totals.complaints.length > 20) console.log(`and ${totals.complaints.length - 20} more`);
console.log(
  JSON.stringify({
    prompts: totals.prompts,
    identical: totals.identical,
    stripes_compared: totals.stripes,
    stripes_equal: totals.equal,
    bytes_over_lanes: totals.bytes,
  }),
);
const right =
  totals.prompts > 0 &&
  totals.identical === totals.prompts &&
  totals.equal === totals.stripes &&
  totals.stripes > 0;
process.exit(right && totals.complaints.length === 0 ? 0 : 1);
