// The network between two services, at the level of its connections: late, slow, cut, silent, half closed, wrong. (What becomes of
// single frames: wrong-bytes.test.ts.) Nobody's answer changes, whatever happens there.
import { afterEach, describe, expect, test } from 'vitest';
import { cutAfter, flipOneBit } from '../support/byte-faults.ts';
import { startFaultProxy, type FaultProxy, type Way } from '../support/fault-proxy.ts';
import {
  ALONE,
  answering,
  computing,
  engine,
  landed,
  SLOW,
  SLOW_TOKENS,
  useRig,
} from '../support/fault-rig.ts';
import { heldBy } from '../support/resources.ts';

let lane: FaultProxy;
const rig = useRig({
  proxied: ['b'],
  engines: [engine('prefill-0', 'prefill', 'a', SLOW), engine('decode-0', 'decode', 'b', SLOW_TOKENS), ALONE],
  ready: async (cluster) => {
    const port = Number(cluster.member('b').child.ready['lanePort']);
    lane = await startFaultProxy({ target: `127.0.0.1:${port}`, host: '127.0.0.2', port });
  },
  close: () => {
    lane.close();
  },
});
afterEach(async () => {
  lane.fault = {};
  // The lane is as good as before.
  const bytes = await rig.laneBytes();
  expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  expect(await rig.laneBytes()).toBeGreaterThan(bytes);
});

const lanesUp = (): Promise<number> => rig.metric('b', 'baton_transfer_lanes_up');

describe('late and slow', () => {
  test('[lane-delay-s4] every byte comes a while later: the lane carries it all the same', async () => {
    lane.fault = { delayMs: 150 };
    const bytes = await rig.laneBytes();
    expect(await rig.ask(await rig.prompt(1024), { id: 'delay' })).toMatchObject({ kind: 'right' });
    expect(await rig.laneBytes()).toBeGreaterThan(bytes);
  });
  test('[lane-throttle-s4] far slower than prompts are computed: the source waits for credit and its memory stays bounded', async () => {
    const { pid } = rig.cluster.member('a').child;
    const before = heldBy(pid).anonBytes;
    lane.fault = { bytesPerS: 2 << 20 };
    const prompts = await Promise.all(Array.from({ length: 4 }, () => rig.prompt(2048)));
    const outcomes = prompts.map((prompt) => rig.ask(prompt));
    const grown: number[] = [];
    const done = Promise.all(outcomes).then(() => true);
    const tick = (): Promise<false> => new Promise((resolve) => setTimeout(resolve, 100, false));
    while (!(await Promise.race([done, tick()]))) grown.push(heldBy(pid).anonBytes - before);
    for (const outcome of outcomes) expect(await outcome).toMatchObject({ kind: 'right' });
    expect(Math.max(...grown)).toBeLessThan(64 << 20);
  });
});

describe('cut', () => {
  test('[lane-cut-s4] once while chunks stream: it is dialled again and goes on', async () => {
    const { outcome } = await rig.meet('cut-s4', landed(1));
    lane.cut();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[lane-cut-bytes-s4] in the middle of a run, at any byte', async () => {
    for (const bytes of [1, 71, 4000, 300_000]) {
      lane.fault = { change: cutAfter('up', bytes) };
      expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    }
  });
  test('[lane-refused-s4] for good while chunks stream: given up after its attempts, the prompt is computed where it is decoded', async () => {
    const { outcome } = await rig.meet('refused-s4', landed(1));
    lane.fault = { refuse: true };
    lane.cut();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[lane-cut-s5] when all has landed: nobody needs it', async () => {
    const { outcome, journey } = await rig.meet('cut-s5', answering, { answerTokens: 10, stream: true });
    lane.cut();
    expect(await outcome).toMatchObject({ kind: 'right' });
    expect((await rig.ended('cut-s5')).attempts).toHaveLength(journey.attempts.length);
  });
  test.each(['up', 'down'] as const)(
    '[lane-half-close-%s-s4] one way only while chunks stream',
    async (way) => {
      const { outcome } = await rig.meet(`half-${way}`, landed(1));
      lane.halfClose(way);
      expect(await outcome).toMatchObject({ kind: 'right' });
    },
  );
});

describe('silent', () => {
  test.each(['up', 'down', 'both'] as const)(
    '[lane-partition-%s-s4] while chunks stream: lost after its silence, and after healing it is as before',
    async (hold) => {
      const { outcome } = await rig.meet(`partition-${hold}`, landed(1));
      lane.fault = { hold };
      expect(await outcome).toMatchObject({ kind: 'right' });
    },
  );
  test('[lane-partition-s3] from before the first byte', async () => {
    lane.fault = { hold: 'both' };
    const { outcome } = await rig.meet('partition-s3', computing);
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[lane-ack-lost-s7] acknowledgements do not come back: both ends let go when the lease or the lane ends', async () => {
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    lane.fault = { hold: 'down' };
    expect(await rig.ask(await rig.prompt(256))).toMatchObject({ kind: 'right' });
    await rig.untilMetric('a', 'baton_transfer_tickets_live', (value) => value === 0);
    expect(await rig.metric('a', 'baton_transfer_arena_pins')).toBe(0);
  });
});

describe('wrong', () => {
  test.each([
    ['up', [3, 40, 200, 5000, 150_000]],
    ['down', [3, 30, 60, 100, 140]],
  ] as [Way, number[]][])(
    '[lane-corrupt-%s-s4] a bit anywhere, of hello, heads, acknowledgements or KV',
    async (way, places) => {
      for (const at of places) {
        lane.cut();
        await rig.untilMetric('b', 'baton_transfer_lanes_up', (value) => value === 0);
        lane.fault = { change: flipOneBit(way, at) };
        expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
      }
      expect(await lanesUp()).toBeLessThanOrEqual(1);
    },
  );
});
