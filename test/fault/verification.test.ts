// That verification is what keeps wrong bytes from the answer: the same flipped bit, in the same build with test hooks, changes
// no answer while verification is on, and changes the answer of `synthetic` once it is off.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { hex } from '#core/ids.ts';
import { rootOf } from '#core/keys.ts';
import { flipBitInSealedSlots } from '../support/arena-file.ts';
import { complete, named, type Asked } from '../support/complete.ts';
import {
  ask,
  deploy,
  promptOf,
  rightAnswer,
  TENANT,
  transferMetric,
  untilBaseline,
} from '../support/deployment.ts';
import { buildHooks, hooksEnv } from '../support/hooks.ts';
import { flipped, startLaneProxy, whole, type LaneProxy, type Tamper } from '../support/lane-proxy.ts';
import { metricAt } from '../support/metrics.ts';

// A cold build compiles the whole core.
beforeAll(buildHooks, 900_000);

const pass: Tamper = (frame) => [whole(frame)];

describe.each([true, false])('verification on: %s', (verify) => {
  let cluster: Cluster;
  let proxy: LaneProxy;
  let tamper: Tamper = pass;

  beforeAll(async () => {
    cluster = await deploy({
      proxied: ['b'],
      env: hooksEnv(verify),
      engines: [
        { name: 'prefill-0', role: 'prefill', node: 'a', settings: {} },
        { name: 'decode-0', role: 'decode', node: 'b', settings: {} },
        // Attached to node b, asked directly: it loads what the others left in the arena.
        { name: 'decode-1', role: 'decode', node: 'b', settings: { served_name: 'second' } },
        { name: 'alone', role: 'both', node: null, settings: {} },
      ],
      router: { models: [{ name: 'synthetic' }, { name: 'second' }] },
    });
    proxy = await startLaneProxy(Number(cluster.member('b').child.ready['lanePort']), (frame) =>
      tamper(frame),
    );
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

  test('one bit of a stripe flipped on the wire', async () => {
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

  test('one bit of each chunk flipped in the arena', async () => {
    const tokens = promptOf(1024, 2);
    const right = await rightAnswer(cluster, tokens);
    expect((await ask(cluster, tokens)).tokenIds).toEqual(right);
    await untilBaseline(cluster, ['a', 'b']);
    expect(flipBitInSealedSlots(cluster.arenaPath('b'))).toBeGreaterThan(0);
    const { child, url } = cluster.member('decode-1');
    const namespace = Buffer.from(String(child.ready['namespace']), 'hex');
    const root = hex(rootOf(Buffer.from(TENANT.secret), namespace, ''));
    const answer = await complete({
      url, id: 'flipped', tokens, answerTokens: 4, model: 'second', headers: {}, extra: named(root),
    }); // prettier-ignore
    expectRightOnlyIfVerified(answer, right);
    expect((await metricAt(url, 'baton_engine_client_digest_failures_total')) > 0).toBe(verify);
    await untilBaseline(cluster, ['a', 'b']);
  });
});

describe('a product build', () => {
  test('refuses to start a service that should not verify, and says what to do', async () => {
    const started = deploy({ engines: [], router: { engines: [] }, env: { BATON_VERIFY: 'off' } });
    await expect(started).rejects.toThrow(/BATON_VERIFY=off: this build always verifies.*unset/);
  });
});
