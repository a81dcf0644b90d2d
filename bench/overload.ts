// More load than the engines can serve: goodput, refusals and first tokens at one to ten times their capacity, open loop. Engines
// compute by waiting, so that no process is short of CPU; everything else is real: router, services, KV over lanes, answers compared.
//   bench -- overload [--seconds 60] [--steps 1,2,5,10] [--limit decode|prefill] [--seed 1]
import { parseArgs } from 'node:util';
import { untilReady } from '#cli/ready.ts';
import { seededRandom } from '#core/random.ts';
import { complete } from '#test/support/complete.ts';
import { openLoop, type Seen, type Shape } from '#test/support/open-loop.ts';
import { CAPACITY_PER_S, FIRST_TOKEN_MS, MODEL, startOverloaded, type Limit } from './overload-engines.ts';
import { figuresOf, totals, type Step } from './overload-table.ts';
import { CpuWatch } from './process.ts';

const GOODPUT_MIN = 0.9;
const REFUSAL_MS_MAX = 5;
const SHAPE: Shape = { prompt: [400, 700], answer: [16, 48] };
const WARM_SECONDS = 10;
const VERIFIED_AT_A_TIME = 8;

export async function run(args: string[] = []): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '60' },
      steps: { type: 'string', default: '1,2,5,10' },
      limit: { type: 'string', default: 'decode' },
      seed: { type: 'string', default: '1' },
    },
  });
  const seconds = Number(values.seconds);
  const random = seededRandom(Number(values.seed));
  const cluster = await startOverloaded(values.limit as Limit);
  try {
    await untilReady(cluster.routerUrl);
    const load = async (name: string, times: number, lasting: number): Promise<Seen[]> => {
      const perSecond = times * CAPACITY_PER_S;
      const { all, over } = await openLoop({ url: cluster.routerUrl, model: MODEL, perSecond, seconds: lasting, shape: SHAPE, random, name }); // prettier-ignore
      await over;
      return all;
    };
    await load('warm', 0.8, Math.min(WARM_SECONDS, seconds));
    const steps: Step[] = [];
    for (const times of values.steps.split(',').map(Number)) {
      const cpu = new CpuWatch({
        router: cluster.router?.child.pid ?? 0,
        ...Object.fromEntries([...cluster.services, ...cluster.engines].map((m) => [m.name, m.child.pid])),
      });
      const all = await load(`x${times}`, times, seconds);
      const used = cpu.read();
      const wrong = await wrongAmong(cluster.member('alone').url, all);
      const step = figuresOf({ times, seconds, all, wrong, boundMs: FIRST_TOKEN_MS, cpu: used });
      console.log(step.line);
      steps.push(step);
    }
    const { goodput, firstMs, refusalMs, wrong } = totals(steps);
    console.log(JSON.stringify({ goodput_10x_vs_peak: goodput, p99_first_token_ms: firstMs }));
    return goodput >= GOODPUT_MIN && refusalMs < REFUSAL_MS_MAX && wrong === 0;
  } finally {
    await cluster.stop();
  }
}

/** Ids of the answers that differ from what an engine serving alone says. */
async function wrongAmong(url: string, all: readonly Seen[]): Promise<Set<string>> {
  const answered = all.filter(({ outcome }) => outcome === 'ok');
  const wrong = new Set<string>();
  let next = 0;
  const verifier = async (): Promise<void> => {
    for (let seen = answered[next++]; seen !== undefined; seen = answered[next++]) {
      const { id, tokens, answerTokens } = seen;
      const right = await complete({ url, id, tokens, answerTokens, model: MODEL, headers: {}, extra: {} });
      if (right.tokenIds.join() !== seen.tokenIds.join()) wrong.add(id);
    }
  };
  await Promise.all(Array.from({ length: VERIFIED_AT_A_TIME }, verifier));
  return wrong;
}
