// kill -9 of the prefill engine where vLLM's own connector pulls: what waits for its blocks and what it still computes is computed
// on the decode engine. One engine is started again. The other deaths: test/flow/router-nixl.test.ts, with recorded engines.
import { afterEach, it } from 'vitest';
import { RESTARTS_MS, expectKinds, expectRight, expectServedInAuto, freeze, kill, promptOf, send, thawAll, untilDown, untilHandsOver, untilIdle, untilStage } from './faults.ts'; // prettier-ignore
import { describePair, restart } from './live.ts';

afterEach(thawAll);

describePair('nixl', 'kill -9 of the prefill engine (nixl)', (pair, live) => {
  it(
    'while one prompt is computed and another waits to be pulled: both are answered right',
    async () => {
      await freeze(live, 'nixl', pair.decode);
      const prompts = [promptOf(600, 3001), promptOf(3000, 3002)] as const;
      const between = send(pair, { prompt: prompts[0] });
      await untilStage(pair, between, 'decode');
      await freeze(live, 'nixl', pair.prefill);
      const computing = send(pair, { prompt: prompts[1] });
      await untilStage(pair, computing, 'handoff');
      await kill(live, 'nixl', pair.prefill.name);
      thawAll();
      await expectRight(pair, [between, computing], prompts);
      // kv_load_failure_policy is recompute: the pull that failed cost no second leg.
      await expectKinds(pair, between, ['disaggregated']);
      await expectKinds(pair, computing, ['disaggregated', 'local']);
      await untilIdle([pair.decode]);
      await untilDown(pair, 'prefill');
      await expectServedInAuto(pair, 3003);
      await restart(live, 'nixl', pair.prefill.name);
      await untilHandsOver(pair, 3004);
      await untilIdle([pair.prefill, pair.decode]);
    },
    RESTARTS_MS,
  );
});
