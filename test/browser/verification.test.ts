// The claim that the demo rests on, before the eye: one chunk of a story, emptied in the arena, makes the answer on the page wrong
// once verification is off (in the build with test hooks) and changes nothing while it is on.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { buildHooks } from '#test/support/hooks.ts';
import { asksOverEmptied, deployVerifying, rightAnswer } from './emptied-chunk.ts';
import { startBrowser } from './visitor.ts';

let browser: Browser;

// A cold build compiles the product.
beforeAll(async () => {
  await buildHooks();
  browser = await startBrowser();
}, 900_000);
afterAll(() => browser.close());

describe.each([true, false])('verification on: %s', (verify) => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await deployVerifying(verify);
  });
  afterAll(() => cluster.stop());

  test('one chunk of the story emptied in the arena, and the same question asked on the page again', async () => {
    const right = await rightAnswer(cluster);
    expect(right).toContain('kitchen drawer');
    const { before, after } = await asksOverEmptied(browser, cluster);
    expect(before).toBe(right);
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
});
