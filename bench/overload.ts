// More load than the engines can serve: goodput, refusals and first tokens at one to ten times their capacity, open loop. Engines
// compute by waiting, so that no process is short of CPU; everything else is real: router, services, KV over lanes, answers compared.
//   bench -- overload [--dialect baton|vllm-nixl] [--limit decode|prefill] [--seconds 60] [--steps 1,2,5,10] [--seed 1]
// --limit: whose compute is scarce. --dialect vllm-nixl: mocks of vLLM in place of reference engines and services.
import { parseArgs } from 'node:util';
import { BatonError } from '#core/errors.ts';
import { seededRandom } from '#core/random.ts';
import { openLoop, type Seen, type Shape } from '#test/support/open-loop.ts';
import { CAPACITY_PER_S, FIRST_TOKEN_MS, MODEL, startMocks, startReference, type Deployment } from './overload-engines.ts'; // prettier-ignore
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
      dialect: { type: 'string', default: 'baton' },
      seed: { type: 'string', default: '1' },
    },
  });
  const seconds = Number(values.seconds);
  const random = seededRandom(Number(values.seed));
  const { limit, dialect } = values;
  if (limit !== 'decode' && limit !== 'prefill')
    throw new BatonError('bad_config', `--limit ${limit}: choose decode or prefill`);
  if (dialect !== 'baton' && dialect !== 'vllm-nixl')
    throw new BatonError('bad_config', `--dialect ${dialect}: choose baton or vllm-nixl`);
  const deployment = await (dialect === 'baton' ? startReference : startMocks)(limit);
  try {
    const load = (name: string, times: number, lasting: number): Promise<Seen[]> => {
      const perSecond = times * CAPACITY_PER_S;
      return openLoop({ url: deployment.url, model: MODEL, perSecond, seconds: lasting, shape: SHAPE, random, name }); // prettier-ignore
    };
    await load('warm', 0.8, Math.min(WARM_SECONDS, seconds));
    const steps: Step[] = [];
    for (const times of values.steps.split(',').map(Number)) {
      const cpu = new CpuWatch(deployment.pids);
      const all = await load(`x${times}`, times, seconds);
      const used = cpu.read();
      const wrong = await wrongAmong(deployment, all);
      const step = figuresOf({ times, seconds, all, wrong, boundMs: FIRST_TOKEN_MS, cpu: used });
      console.log(step.line);
      steps.push(step);
    }
    const { goodput, firstMs, refusalMs, wrong } = totals(steps);
    console.log(JSON.stringify({ goodput_10x_vs_peak: goodput, p99_first_token_ms: firstMs }));
    return goodput >= GOODPUT_MIN && refusalMs < REFUSAL_MS_MAX && wrong === 0;
  } finally {
    await deployment.stop();
  }
}

/** Ids of the answers that are not what they must be. */
async function wrongAmong(deployment: Deployment, all: readonly Seen[]): Promise<Set<string>> {
  const answered = all.filter(({ outcome }) => outcome === 'ok');
  const wrong = new Set<string>();
  let next = 0;
  const verifier = async (): Promise<void> => {
    for (let seen = answered[next++]; seen !== undefined; seen = answered[next++])
      if ((await deployment.right(seen)).join() !== seen.tokenIds.join()) wrong.add(seen.id);
  };
  await Promise.all(Array.from({ length: VERIFIED_AT_A_TIME }, verifier));
  return wrong;
}
