// Bytes that went wrong on the way, on the page: what the router caught, what it did about it, and that the answer is the right one.
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { flipBitInSealedSlots } from '#test/support/arena-file.ts';
import { deploy } from '#test/support/deployment.ts';
import { flipped, startLaneProxy, whole, type LaneProxy, type Tamper } from '#test/support/lane-proxy.ts';
import { answerOf, asks, asksTwice, startBrowser, TWO_DECODERS } from './visitor.ts';

const QUESTION = 'Where is the red key?';
const pass: Tamper = (frame) => [whole(frame)];
let tamper: Tamper = pass;
let cluster: Cluster;
let proxy: LaneProxy;
let browser: Browser;

beforeAll(async () => {
  cluster = await deploy({
    engine: { model: 'tiny', max_model_len: 8192 },
    engines: TWO_DECODERS,
    router: { tenants: [] },
    proxied: ['b'],
  });
  proxy = await startLaneProxy(Number(cluster.member('b').child.ready['lanePort']), (frame) => tamper(frame));
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  proxy.close();
  await cluster.stop();
});

const story = (name: string): string =>
  `${name} put the red key in the kitchen drawer. It rained for an hour. `.repeat(20).trim();

/** From the engine that no service and no router stands before. */
const rightAnswer = (text: string): Promise<string> => answerOf(cluster.member('alone').url, text, QUESTION);

test('a run with one bit flipped is sent again, which the page tells, and the answer is right', async () => {
  tamper = ({ head, payload, run }) => {
    tamper = pass;
    return [whole({ head, payload: flipped(payload), run })];
  };
  const asked = await asks(browser, cluster, story('Ada'), QUESTION);
  expect(tamper).toBe(pass);
  expect(await asked.page.locator('.troubles').textContent()).toMatch(/^1 run was sent again: what landed had not the digest/);
  expect(asked.answer).toBe(await rightAnswer(story('Ada')));
  await asked.close();
}); // prettier-ignore

test('where bytes stay wrong the chunk is refused and the prompt computed anew, which the page tells', async () => {
  let flips = 0;
  tamper = ({ head, payload, run }) => {
    if (payload.length === 0) return [whole({ head, payload, run })];
    flips++;
    return [whole({ head, payload: flipped(payload), run })];
  };
  const asked = await asks(browser, cluster, story('Ben'), QUESTION);
  tamper = pass;
  expect(flips).toBeGreaterThan(1);
  expect(await asked.page.locator('.troubles li').first().textContent()).toMatch(
    /^Attempt 1 was given up: bytes stayed other than their digests say\. The request was placed again, and what it lacked was computed anew\./,
  );
  expect(asked.answer).toBe(await rightAnswer(story('Ben')));
  await asked.close();
}); // prettier-ignore

test('a request that went well tells of no trouble', async () => {
  const asked = await asks(browser, cluster, story('Carla'), QUESTION);
  expect(await asked.page.locator('.troubles').count()).toBe(0);
  await asked.close();
});

test('a chunk that went bad in the arena is refused by the engine that reads it, which the page tells, and the answer is right', async () => {
  const { after: asked } = await asksTwice(browser, cluster, story('Dora'), QUESTION, (arenaPath) => {
    expect(flipBitInSealedSlots(arenaPath)).toBeGreaterThan(0);
  });
  expect(await asked.page.locator('.troubles').textContent()).toMatch(/^\d+ chunks? (was|were) refused by the decode engine: /);
  expect(asked.answer).toBe(await rightAnswer(story('Dora')));
  await asked.close();
}); // prettier-ignore
