// That verification is what keeps wrong bytes from the answer: the same flipped bit, in the same build with test hooks, changes
// no answer while verification is on, and changes the answer of `synthetic` once it is off.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { flipBitInSealedSlots } from '../support/arena-file.ts';
import type { Asked } from '../support/complete.ts';
import { ask, deploy, promptOf, rightAnswer, transferMetric, untilBaseline } from '../support/deployment.ts';
import { buildHooks, hooksEnv } from '../support/hooks.ts';
import { flipped, pass, whole, type LaneProxy, type Tamper } from '../support/lane-proxy.ts';
import { metricAt } from '../support/metrics.ts';
import { askSecond, deployTampered } from '../support/tampered.ts';

// A cold build compiles the whole core.
beforeAll(buildHooks, 900_000);

describe.each([true, false])('verification on: %s', (verify) => {
  let cluster: Cluster;
  let proxy: LaneProxy;
  let tamper: Tamper = pass;

  beforeAll(async () => {
    ({ cluster, proxy } = await deployTampered((frame) => tamper(frame), hooksEnv(verify)));
  });
  afterAll(async () => {
    proxy.close();
    await cluster.stop();
  });

  function expectRightOnlyIfVerified(answer: Asked, right: number[]): void {
    expect(answer.error).toBe('');
    expect(answer.tokenIds).toHaveLength(right.length);
    if (verify) expect(answer.tokenIds).toEqual(right);
    else expect(answer.tokenIds).not.toEqual(right);
  }

  test('[verify-lane] one bit of a stripe flipped on the wire', async () => {
    const tokens = promptOf(700, 1);
    const right = await rightAnswer(cluster, tokens);
    tamper = ({ head, payload, run }) => {
      tamper = pass;
      return [whole({ head, payload: flipped(payload), run })];
    };
    const answer = await ask(cluster, tokens);
    expect(tamper).toBe(pass);
    expectRightOnlyIfVerified(answer, right);
    expect((await transferMetric(cluster, 'stripes_wrong_total')) > 0).toBe(verify);
    await untilBaseline(cluster, ['a', 'b']);
  });

  test('[verify-arena] one bit of each chunk flipped in the arena', async () => {
    const tokens = promptOf(1024, 2);
    const right = await rightAnswer(cluster, tokens);
    expect((await ask(cluster, tokens)).tokenIds).toEqual(right);
    await untilBaseline(cluster, ['a', 'b']);
    expect(flipBitInSealedSlots(cluster.arenaPath('b'))).toBeGreaterThan(0);
    const answer = await askSecond(cluster, tokens);
    expectRightOnlyIfVerified(answer, right);
    expect(
      (await metricAt(cluster.member('decode-1').url, 'baton_engine_client_digest_failures_total')) > 0,
    ).toBe(verify);
    await untilBaseline(cluster, ['a', 'b']);
  });
});

describe('a product build', () => {
  test('[verify-product] refuses to start a service that should not verify, and says what to do', async () => {
    const started = deploy({ engines: [], router: { engines: [] }, env: { BATON_VERIFY: 'off' } });
    await expect(started).rejects.toThrow(/BATON_VERIFY=off: this build always verifies.*unset/);
  });
});
