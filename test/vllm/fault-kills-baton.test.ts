// kill -9 in a pair of vLLM engines under Baton: each request ends right or in a documented error, nothing is left behind at the
// services, and after a restart the pair hands over again. Two engines are started again, at different times.
import { afterEach, expect, it } from 'vitest';
import { AUTO, RESTARTS_MS, catchHalfLanded, codeOf, expectKinds, expectRight, expectServedInAuto, freeze, kill, promptOf, send, thawAll, untilDown, untilHandsOver, untilIdle, untilStage } from './faults.ts'; // prettier-ignore
import { describePair, restart } from './live.ts';
import { readStream } from './stream.ts';
import { untilAtRest } from '../support/deployment.ts';

const MAX_MODEL_LEN = 4096;
afterEach(thawAll);

describePair('baton', 'kill -9 of', (pair, live) => {
  it(
    'the prefill engine, while one prompt is half landed and another between its legs: both are answered right',
    async () => {
      await freeze(live, 'baton', pair.decode);
      const prompt = promptOf(600, 1);
      const between = send(pair, { prompt });
      await untilStage(pair, between, 'decode');
      const { requests, prompts } = await catchHalfLanded(live, 'baton', pair, 100);
      await kill(live, 'baton', pair.prefill.name);
      thawAll();
      await expectRight(pair, [between, ...requests], [prompt, ...prompts]);
      // What had landed between the legs was enough; the other one was placed again, and computed where it is decoded.
      await expectKinds(pair, between, ['disaggregated']);
      await expectKinds(pair, requests.at(-1), ['disaggregated', 'local']);
      await untilAtRest(pair.services);
      await untilIdle([pair.decode]);
      await untilDown(pair, 'prefill');
      await expectServedInAuto(pair, 2);
      await restart(live, 'baton', pair.prefill.name);
      await untilHandsOver(pair, 3);
    },
    RESTARTS_MS,
  );

  it.each(['b', 'a'])('the service of node %s, while chunks stream in: the prompt is computed where it is decoded', async (node) => {
    const { requests, prompts } = await catchHalfLanded(live, 'baton', pair, node === 'a' ? 200 : 300);
    await kill(live, 'baton', node);
    thawAll();
    await expectRight(pair, requests, prompts);
    await untilAtRest(pair.services.filter(({ name }) => name !== node));
    await untilIdle([pair.prefill, pair.decode]);
    await expectServedInAuto(pair, node === 'a' ? 4 : 5);
    await restart(live, 'baton', node);
    await untilHandsOver(pair, 6);
    await untilAtRest(pair.services);
  }); // prettier-ignore

  it('the decode engine, with one answer begun and another not: an error event without [DONE], and a 502', async () => {
    const begun = await readStream(pair.routerUrl, { prompt: promptOf(300, 7), max_tokens: 3000 });
    await begun.untilToken();
    await freeze(live, 'baton', pair.decode);
    const waiting = send(pair, { prompt: promptOf(600, 8) });
    await untilStage(pair, waiting, 'decode');
    await kill(live, 'baton', pair.decode.name);
    expect(codeOf(await waiting.answer)).toEqual([502, 'decode_failed']);
    const text = await begun.rest();
    expect(text).toContain('"code":"decode_interrupted"');
    expect(text).not.toContain('[DONE]');
    await untilAtRest(pair.services);
    await untilIdle([pair.prefill]);
    await untilDown(pair, 'decode');
    for (const options of [{}, AUTO])
      expect(codeOf(await send(pair, { prompt: promptOf(9, 9) }, options).answer)).toEqual([503, 'no_worker']);
    await restart(live, 'baton', pair.decode.name);
    await untilHandsOver(pair, 10);
    const prompt = promptOf(MAX_MODEL_LEN - 100, 11);
    await expectRight(pair, [send(pair, { prompt })], [prompt]);
    await untilAtRest(pair.services);
  }, RESTARTS_MS); // prettier-ignore
});
