// The claim that the demo rests on, before the eye: one chunk of a story, emptied in the arena, makes the answer on the page wrong
// once verification is off (in the build with test hooks) and changes nothing while it is on.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { emptySealedSlots } from '#test/support/arena-file.ts';
import { deploy, untilBaseline } from '#test/support/deployment.ts';
import { buildHooks, hooksEnv } from '#test/support/hooks.ts';
import { answerOf, asks, decodedBy, startBrowser } from './visitor.ts';

/** One whole chunk of 256 tokens and a rest: what is asked about stands in that chunk. */
const STORY = `Ada put the red key in the kitchen drawer. ${'It rained for an hour. '.repeat(55).trim()}`;
const QUESTION = 'Where is the red key?';
let browser: Browser;

// A cold build compiles the whole core.
beforeAll(async () => {
  await buildHooks();
  browser = await startBrowser();
}, 900_000);
afterAll(() => browser.close());

describe.each([true, false])('verification on: %s', (verify) => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await deploy({
      env: hooksEnv(verify),
      engine: { model: 'tiny' },
      engines: [
        { name: 'prefill-0', role: 'prefill', node: 'a', settings: {} },
        { name: 'decode-0', role: 'decode', node: 'b', settings: {} },
        { name: 'decode-1', role: 'decode', node: 'b', settings: {} },
        { name: 'alone', role: 'both', node: null, settings: {} },
      ],
      router: { tenants: [] },
    });
  });
  afterAll(() => cluster.stop());

  test('one chunk of the story emptied in the arena, and the same question asked on the page again', async () => {
    const right = await answerOf(cluster.member('alone').url, STORY, QUESTION);
    expect(right).toContain('kitchen drawer');
    const before = await asks(browser, cluster, STORY, QUESTION);
    expect(before.answer).toBe(right);
    await before.close();
    // Who answered first has the prompt in its own pages: the other one has to read the arena.
    await cluster.member(await decodedBy(cluster, before.id)).child.stop(5000);
    await untilBaseline(cluster, ['b']);
    expect(emptySealedSlots(cluster.arenaPath('b'), 256)).toBe(1);

    const after = await asks(browser, cluster, STORY, QUESTION);
    console.log(`verification ${verify ? 'on' : 'off'}: ${after.answer}`);
    const troubles = after.page.locator('.troubles');
    if (verify) {
      expect(after.answer).toBe(right);
      expect(await troubles.textContent()).toMatch(/^1 chunk was refused by the decode engine: /);
    } else {
      expect(after.answer).not.toBe(right);
      expect(await troubles.count()).toBe(0);
    }
    await after.close();
  });
}); // prettier-ignore
