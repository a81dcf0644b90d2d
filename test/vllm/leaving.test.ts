// A client that leaves, in either dialect: both engines end what they did for it and hold no block. The times are printed.
import { afterEach, expect, it } from 'vitest';
import { freeze, journeyAfter, promptOf, send, thawAll, untilIdle, untilStage } from './faults.ts';
import { describePair } from './live.ts';
import { readStream } from './stream.ts';
import { untilAtRest } from '../support/deployment.ts';
import { untilJourney } from '../support/journey.ts';
import { metricAt } from '../support/metrics.ts';
import { until } from '../support/ready.ts';

afterEach(thawAll);

const RUNNING = 'vllm:num_requests_running';
let seed = 2000;

for (const name of ['baton', 'nixl'] as const) {
  describePair(name, `a client that leaves (${name})`, (pair, live) => {
    const idle = async (when: string): Promise<void> => {
      const ms = await untilIdle([pair.prefill, pair.decode]);
      console.log(`${name}, left ${when}: both engines are idle ${ms} ms later`);
      await untilAtRest(pair.services);
    };

    it('while its prompt is computed frees both sides', async () => {
      const leaving = new AbortController();
      // Several: together they take several steps, so that they are met in the middle.
      const requests = [1, 2, 3].map(() =>
        send(pair, { prompt: promptOf(3000, ++seed) }, { signal: leaving.signal }),
      );
      await until('prompts are computed', async () => (await metricAt(pair.prefill.url, RUNNING)) > 0);
      leaving.abort();
      for (const request of requests) {
        await expect(request.answer).rejects.toThrow();
        await journeyAfter(pair, request);
      }
      await idle('while the prompt was computed');
    });

    it.each([
      ['while its prompt waits for the prefill engine', 'prefill', 'handoff', 'while the prompt waited'],
      ['when the decode engine has not begun', 'decode', 'decode', 'before the decode leg began'],
    ] as const)('%s frees both sides', async (_, frozen, stage, told) => {
      const leaving = new AbortController();
      await freeze(live, name, pair[frozen]);
      const request = send(pair, { prompt: promptOf(2000, ++seed) }, { signal: leaving.signal });
      await untilStage(pair, request, stage);
      leaving.abort();
      expect((await journeyAfter(pair, request)).code).toBe('client_closed');
      thawAll();
      await idle(told);
    });

    it('after the first token frees both sides', async () => {
      const leaving = new AbortController();
      const id = `left-${name}`;
      const body = { prompt: promptOf(2000, ++seed), max_tokens: 2000 };
      const stream = await readStream(pair.routerUrl, body, { id, signal: leaving.signal });
      await stream.untilToken();
      leaving.abort();
      await expect(stream.rest()).rejects.toThrow();
      const journey = await untilJourney(pair, id, 'ended', ({ code }) => code !== null);
      expect(journey.code).toBe('client_closed');
      await idle('after the first token');
    });
  });
}
