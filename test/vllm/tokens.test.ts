// What is handed over between real vLLM engines is what prefill computed: the same token ids as a plain request to the decode
// engine, the same bytes in its pages, and nothing computed twice.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askAlone, askVllm, type Asked } from './ask.ts';
import { checking, type Checked } from './checked.ts';
import { countingFailures, countingPrompts } from './counters.ts';
import { describePair, type PairName } from './live.ts';
import { atATime, difference, undecided } from './passes.ts';
import { makePrompts } from './prompts.ts';

const AT_ONCE = 4;
const UNDECIDED_MAX = 2;
/** A bound for a busy machine; a pass takes a minute. */
const PASS_MS = 900_000;

/** `chunksMin`: loaded chunks in each pass whose bytes are compared; null: no such check in this dialect. */
const PASSES: readonly { name: PairName; title: string; seed: number; count: number; chunksMin: number | null }[] = [
  { name: 'baton', title: 'float32 over Baton', seed: 1, count: 60, chunksMin: 200 },
  { name: 'nixl', title: 'float32 over NIXL', seed: 2, count: 60, chunksMin: null },
  { name: 'bfloat16', title: 'bfloat16 over Baton', seed: 3, count: 15, chunksMin: 35 },
]; // prettier-ignore

for (const { name, title, seed, count, chunksMin } of PASSES) {
  describePair(name, title, (pair) => {
    const bodies = makePrompts(seed, count);
    const alone: Asked[] = [];

    let failures: () => Promise<string[]>;

    beforeAll(async () => {
      failures = await countingFailures([pair.prefill.url, pair.decode.url]);
    });

    afterAll(async () => {
      if (chunksMin !== null) expect(await failures()).toEqual([]);
    });

    const compareBytes = (checked: Checked): void => {
      console.log(`${title}: ${checked.loaded} loaded chunks, ${checked.stripes} stripes compared`);
      expect(checked.wrong).toEqual([]);
      expect(checked.loaded).toBeGreaterThanOrEqual(chunksMin ?? 0);
    };

    it(
      `answers ${count} prompts, one at a time, as D alone does, and D computes none of their tokens`,
      async () => {
        const bytes = chunksMin === null ? null : checking(pair);
        const wrong: string[] = [];
        for (const [i, body] of bodies.entries()) {
          const counted = await countingPrompts(pair.decode.url);
          const answer = await askVllm(pair.routerUrl, body);
          const what = `prompt ${i} (${'messages' in body ? 'chat' : 'completion'}, ${answer.promptTokens} tokens)`;
          const { computed, cached, external, hits } = await counted(1);
          // vLLM counts the last token, whose logits it computes anew, as what it was brought; a prompt of one token as computed.
          const tokens = answer.promptTokens;
          const ones = tokens === 1 ? 1 : 0;
          const told = `computed ${computed}, from its own pages ${cached}, brought ${external}, promised ${hits}`;
          const right = computed === ones && cached + external === tokens - ones && hits === external + ones;
          if (!right) wrong.push(`${what}: ${told}`);
          alone.push(await askAlone(pair.decode.url, body));
          const differs = difference(what, answer, alone.at(-1) as Asked);
          if (differs !== null) wrong.push(differs);
        }
        expect(wrong).toEqual([]);
        if (bytes !== null) compareBytes(await bytes());
      },
      PASS_MS,
    );

    it(
      `answers them ${AT_ONCE} at a time from the same bytes`,
      async () => {
        const bytes = chunksMin === null ? null : checking(pair);
        // Under a salt of its own every prompt has other names: nothing of it is held anywhere.
        const salt = `${AT_ONCE}-at-a-time-${process.pid}`;
        const answers = await atATime(AT_ONCE, bodies, (body) => askVllm(pair.routerUrl, { ...body, cache_salt: salt })); // prettier-ignore
        if (bytes !== null) compareBytes(await bytes());
        const differing = answers.flatMap((answer, i) => {
          const differs = difference(`prompt ${i}`, answer, alone[i] as Asked);
          return differs === null ? [] : [{ i, differs, failed: answer.status !== 200 }];
        });
        expect(differing.filter(({ failed }) => failed)).toEqual([]);
        const either = await undecided(pair.decode.url, AT_ONCE, bodies, differing.map(({ i }) => i)); // prettier-ignore
        for (const { differs } of differing) console.log(`${title}, ${AT_ONCE} at a time, ${differs}`);
        expect(differing.filter(({ i }) => either.get(i) !== true)).toEqual([]);
        expect(differing.length).toBeLessThanOrEqual(UNDECIDED_MAX);
      },
      PASS_MS,
    );
  });
}
