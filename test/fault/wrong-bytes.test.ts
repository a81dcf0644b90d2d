// Wrong bytes never answer (invariant 1): whatever happens to KV bytes on the wire or in memory, the client gets the right answer
// or a documented error, and the event is counted.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { flipBitInSealedSlots } from '../support/arena-file.ts';
import { complete } from '../support/complete.ts';
import {
  ask,
  OTHER,
  promptOf,
  rightAnswer,
  TENANT,
  transferMetric,
  untilBaseline,
} from '../support/deployment.ts';
import { flipped, pass, whole, type LaneProxy, type Tamper } from '../support/lane-proxy.ts';
import { metricAt } from '../support/metrics.ts';
import { askSecond, deployTampered } from '../support/tampered.ts';

let cluster: Cluster;
let proxy: LaneProxy;
let tamper: Tamper = pass;

beforeAll(async () => {
  ({ cluster, proxy } = await deployTampered((frame) => tamper(frame)));
});
afterAll(async () => {
  proxy.close();
  await cluster.stop();
});
beforeEach(() => {
  tamper = pass;
});

let seed = 100;
async function answersRightly(length = 700): Promise<Uint32Array> {
  const tokens = promptOf(length, ++seed);
  const answer = await ask(cluster, tokens);
  expect(answer.error).toBe('');
  expect(answer.tokenIds).toEqual(await rightAnswer(cluster, tokens));
  await untilBaseline(cluster, ['a', 'b']);
  return tokens;
}

/** Applies `once` to the first run that comes, and passes the rest. */
function onFirstRun(once: Tamper): void {
  let done = false;
  tamper = (frame) => {
    if (done) return pass(frame);
    done = true;
    return once(frame);
  };
}

describe('on the wire', () => {
  test('a whole transfer crosses the proxy untouched', async () => {
    const before = proxy.runs();
    await answersRightly();
    expect(proxy.runs()).toBeGreaterThan(before);
  });
  test('[lane-flip-s4] a flipped bit is found on landing and the run is sent again', async () => {
    onFirstRun(({ head, payload, run }) => [whole({ head, payload: flipped(payload), run })]);
    const [wrong, resent] = [
      await transferMetric(cluster, 'stripes_wrong_total'),
      await transferMetric(cluster, 'runs_resent_total'),
    ];
    await answersRightly();
    expect(await transferMetric(cluster, 'stripes_wrong_total')).toBeGreaterThan(wrong);
    expect(await transferMetric(cluster, 'runs_resent_total')).toBeGreaterThan(resent);
  });
  test('[lane-duplicate-s4] a duplicated frame is dropped', async () => {
    onFirstRun((frame) => [whole(frame), whole(frame)]);
    const before = await transferMetric(cluster, 'lane_duplicates_total');
    await answersRightly();
    expect(await transferMetric(cluster, 'lane_duplicates_total')).toBeGreaterThan(before);
  });
  test('[lane-reorder-s4] frames out of order reset the lane and everything is announced again', async () => {
    let held: Buffer | null = null;
    let swapped = false;
    tamper = (frame) => {
      if (swapped) return pass(frame);
      if (held === null) {
        held = whole(frame);
        return [];
      }
      swapped = true;
      return [whole(frame), held];
    };
    const before = await transferMetric(cluster, 'lane_resets_total');
    await answersRightly();
    expect(await transferMetric(cluster, 'lane_resets_total')).toBeGreaterThan(before);
  });
  test('[lane-truncate-s4] a truncated frame resets the lane and its connection is not used again', async () => {
    onFirstRun((frame) => [whole(frame).subarray(0, frame.head.length + (frame.payload.length >> 1)), null]);
    const before = await transferMetric(cluster, 'lane_resets_total');
    await answersRightly();
    expect(await transferMetric(cluster, 'lane_resets_total')).toBeGreaterThan(before);
  });
  test('[lane-swap-s4] the bytes of one layer under the head of another are refused by their digests', async () => {
    let held: { head: Buffer; payload: Buffer } | null = null;
    let swapped = false;
    tamper = (frame) => {
      if (swapped) return pass(frame);
      if (held?.payload.length !== frame.payload.length) {
        const out = held === null ? [] : [Buffer.concat([held.head, held.payload])];
        held = frame;
        return out;
      }
      swapped = true;
      return [Buffer.concat([held.head, frame.payload]), Buffer.concat([frame.head, held.payload])];
    };
    const before = await transferMetric(cluster, 'stripes_wrong_total');
    await answersRightly(1024);
    expect(swapped).toBe(true);
    expect(await transferMetric(cluster, 'stripes_wrong_total')).toBeGreaterThan(before);
  });
  test('[lane-wrong-s4] bytes that stay wrong fail the ticket, and the prompt is computed where it is decoded', async () => {
    tamper = (frame) => [whole({ ...frame, payload: flipped(frame.payload) })];
    const before = await metricAt(cluster.adminUrl, 'baton_router_retries_total');
    await answersRightly();
    expect(await metricAt(cluster.adminUrl, 'baton_router_retries_total')).toBeGreaterThan(before);
  });
});

describe('in memory', () => {
  test('[arena-flip-s5] a bit flipped in the arena after filling is found while scattering and the chunk is computed instead', async () => {
    const tokens = await answersRightly(1024);
    expect(flipBitInSealedSlots(cluster.arenaPath('b'))).toBeGreaterThan(0);
    const answer = await askSecond(cluster, tokens);
    expect(answer.error).toBe('');
    expect(answer.tokenIds).toEqual(await rightAnswer(cluster, tokens));
    expect(
      await metricAt(cluster.member('decode-1').url, 'baton_engine_client_digest_failures_total'),
    ).toBeGreaterThan(0);
    expect(await transferMetric(cluster, 'corrupt_reported_total')).toBeGreaterThan(0);
    await untilBaseline(cluster, ['a', 'b']);
  });
});

describe('names', () => {
  test('[ticket-replay-s2] an old ticket, replayed, is no ticket: the prompt is computed and the refusal counted', async () => {
    const tokens = promptOf(700, ++seed);
    const id = 'replayed-first';
    await ask(cluster, tokens, { id });
    await untilBaseline(cluster, ['a', 'b']);
    const journey = (await (await fetch(`${cluster.adminUrl}/debug/requests/${id}`)).json()) as {
      ticket: { id: string };
    };
    const other = promptOf(700, ++seed);
    const answer = await complete({
      url: cluster.member('decode-0').url, id: 'replayed', tokens: other, answerTokens: 4, model: 'synthetic', headers: {},
      extra: { cache_salt: '00'.repeat(32), kv_transfer_params: { baton: { ticket: journey.ticket.id, root: '00'.repeat(32), role: 'decode' } } },
    }); // prettier-ignore
    expect(answer.tokenIds).toEqual(await rightAnswer(cluster, other));
    expect(await transferMetric(cluster, 'refused_ended_total')).toBeGreaterThan(0);
  });
  test('[tenants-apart-s0] two tenants with the same prompt share nothing: both transfers cross the lane, both answers are right', async () => {
    const tokens = promptOf(768, ++seed);
    const right = await rightAnswer(cluster, tokens);
    const bytesFor = async (key: string): Promise<number> => {
      const before = await metricAt(cluster.adminUrl, 'baton_router_lane_bytes_total');
      expect((await ask(cluster, tokens, { key })).tokenIds).toEqual(right);
      await untilBaseline(cluster, ['a', 'b']);
      return (await metricAt(cluster.adminUrl, 'baton_router_lane_bytes_total')) - before;
    };
    const first = await bytesFor(TENANT.key);
    expect(first).toBeGreaterThan(0);
    expect(await bytesFor(OTHER.key)).toBe(first);
    expect(await bytesFor(TENANT.key)).toBeLessThan(first);
  });
});
