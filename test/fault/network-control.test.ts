// The control streams between router and services, at the level of their connections. What they carry decides who sends what
// where; the answer is the same with or without it.
import { describe, expect, test } from 'vitest';
import { cutAfter, flipOneBit, swapOnce } from '../support/byte-faults.ts';
import type { Way } from '../support/fault-proxy.ts';
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
import { told } from '../support/outcome.ts';
import { Proxies } from '../support/proxies.ts';

const control = new Proxies('a', 'b');
const rig = useRig({
  engines: [engine('prefill-0', 'prefill', 'a', SLOW), engine('decode-0', 'decode', 'b', SLOW_TOKENS), ALONE],
  proxies: control,
});

// The source's stream is that of a, the target's that of b.
const ENDS = [
  ['source', 'a'],
  ['target', 'b'],
] as const;
const untilUp = (count: number): Promise<void> =>
  rig.untilMetric('router', 'baton_router_services_up', (value) => value === count);

describe.each(ENDS)('the stream to the %s', (end, node) => {
  test.each([
    ['s3', 'before anything has landed', computing],
    ['s4', 'while chunks stream', landed(1)],
  ] as const)(
    `[control-cut-${end}-%s] cut %s: another attempt, or what has landed is enough`,
    async (stage, _name, there) => {
      const { outcome } = await rig.meet(`cut-${end}-${stage}`, there);
      control.of(node).cut();
      expect(await outcome).toMatchObject({ kind: 'right' });
    },
  );
  test(`[control-cut-${end}-s5] cut while tokens stream: nobody notices`, async () => {
    const { outcome } = await rig.meet(`cut-${end}-s5`, answering, { answerTokens: 10, stream: true });
    control.of(node).cut();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test.each(['up', 'down', 'both'] as const)(
    `[control-partition-${end}-%s-s2] silent before room is reserved: given up within its bound, no reservation stays`,
    async (hold) => {
      control.of(node).fault = { hold };
      expect(await rig.ask(await rig.prompt(512), { id: `${end}-s2-${hold}` })).toMatchObject({
        kind: 'right',
      });
    },
  );
  test.each(['up', 'down'] as const)(
    `[control-partition-${end}-%s-s4] silent while chunks stream, for longer than the lease`,
    async (hold) => {
      const { outcome } = await rig.meet(`${end}-s4-${hold}`, landed(1));
      control.of(node).fault = { hold };
      expect(await outcome).toMatchObject({ kind: 'right' });
    },
  );
  test(`[control-partition-${end}-s7] silent when the answer is complete: what is held ends by its lease`, async () => {
    const { outcome } = await rig.meet(`${end}-s7`, answering, { answerTokens: 10, stream: true });
    control.of(node).fault = { hold: 'both' };
    expect(await outcome).toMatchObject({ kind: 'right' });
    await rig.untilMetric(node, 'baton_transfer_tickets_live', (value) => value === 0);
  });
  test(`[control-half-close-${end}-s3] one way only`, async () => {
    for (const way of ['up', 'down'] as const) {
      const { outcome } = await rig.meet(`${end}-half-${way}`, computing);
      control.of(node).halfClose(way);
      expect(await outcome).toMatchObject({ kind: 'right' });
      await untilUp(2);
    }
  });
  test(`[control-slow-${end}-s3] late and slow: it takes its time, or goes without`, async () => {
    control.of(node).fault = { delayMs: 100, bytesPerS: 20_000 };
    expect(await rig.ask(await rig.prompt(1024))).toMatchObject({ kind: 'right' });
  });
  test.each(['up', 'down'] as const)(
    `[control-corrupt-${end}-%s-s3] a bit anywhere, pieces in another order: right, or no pair until it is dialled again`,
    async (way: Way) => {
      const changes = [
        ...[5, 60, 150, 400].map((at) => flipOneBit(way, at)),
        swapOnce(way),
        cutAfter(way, 100),
      ];
      for (const change of changes) {
        control.of(node).fault = { change };
        expect(['right 4', 'refused no_worker']).toContain(told(await rig.ask(await rig.prompt(512))));
        control.heal();
        await rig.mend();
      }
    },
  );
  test(`[control-refused-${end}-s0] nobody listens there: no pair, so it is refused or computed where it is decoded`, async () => {
    control.of(node).fault = { refuse: true };
    control.of(node).cut();
    await untilUp(1);
    const prompt = await rig.prompt(512);
    expect(await rig.ask(prompt)).toMatchObject({ kind: 'refused', code: 'no_worker' });
    expect(await rig.ask(prompt, { headers: { 'x-baton-placement': 'auto' } })).toMatchObject({
      kind: 'right',
    });
  });
});
