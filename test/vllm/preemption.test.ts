// A prefill engine whose cache is too small for what it is asked preempts requests, prefill legs among them: nothing is lost.
import { expect, it } from 'vitest';
import { metricAt } from '#test/support/metrics.ts';
import { askAlone, askVllm, type Asked } from './ask.ts';
import { checking } from './checked.ts';
import { countingFailures } from './counters.ts';
import { describePair } from './live.ts';
import { atATime, difference } from './passes.ts';
import { promptSource } from './prompts.ts';

/** Of the 5 120 tokens that the pair's prefill engine holds, three legs alone want 7 500, in steps of 512 each. */
const LEGS = 9;
const LEGS_AT_ONCE = 3;
const LEG_TOKENS = 2500;
const GENERATIONS = 2;

describePair('baton', 'a prefill engine with a small cache', (pair) => {
  it('preempts while it prefills, and every answer and every byte is right', async () => {
    const { ids } = promptSource(6000);
    const preemptions = (): Promise<number> => metricAt(pair.prefill.url, 'vllm:num_preemptions_total');
    const before = await preemptions();
    const failures = await countingFailures([pair.prefill.url]);
    const bytes = checking(pair);
    // Plain generations at the prefill engine itself, which take its pages one by one.
    const generated = Array.from({ length: GENERATIONS }, () => ({ prompt: ids(600), max_tokens: 300, ignore_eos: true })); // prettier-ignore
    const legs = Array.from({ length: LEGS }, () => ({ prompt: ids(LEG_TOKENS) }));
    const [generations, answers] = await Promise.all([
      Promise.all(generated.map((body) => askVllm(pair.prefill.url, body))),
      atATime(LEGS_AT_ONCE, legs, (body) => askVllm(pair.routerUrl, body)),
    ]);
    const preempted = (await preemptions()) - before;
    console.log(`${LEGS} prompts prefilled under ${preempted} preemptions`);
    expect(preempted).toBeGreaterThan(0);

    const wrong: string[] = [];
    const compare = async (what: string, bodies: readonly object[], asked: readonly Asked[]): Promise<void> => {
      for (const [i, body] of bodies.entries()) {
        const alone = await askAlone(pair.decode.url, body as Record<string, unknown>);
        const differs = difference(`${what} ${i}`, asked[i] as Asked, alone);
        if (differs !== null) wrong.push(differs);
      }
    }; // prettier-ignore
    await compare('leg', legs, answers);
    await compare('generation', generated, generations);
    expect(wrong).toEqual([]);
    const checked = await bytes();
    expect(checked.wrong).toEqual([]);
    const loads = checked.lines.filter(({ event }) => event === 'loaded');
    const decoding = loads.filter(({ engine }) => engine === pair.decode.name).length;
    // A leg that begins anew loads what it had gathered from its own arena.
    console.log(`${loads.length - decoding} chunks loaded by preempted legs`);
    expect(decoding).toBe(LEGS * Math.ceil(LEG_TOKENS / 256));
    expect(await failures()).toEqual([]);
  });
});
