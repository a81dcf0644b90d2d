// The legs between router and engines, at the level of their connections. HTTP itself carries no check of its bytes: what a leg
// says is believed as far as TCP is (docs/reliability.md); what can be told apart is.
import { describe, expect, test } from 'vitest';
import { cutAfter } from '../support/byte-faults.ts';
import {
  ALONE, answering, computing, decoding, engine, landed, placed, SLOW, SLOW_TOKENS, useRig,
} from '../support/fault-rig.ts'; // prettier-ignore
import type { Way } from '../support/fault-proxy.ts';
import { Proxies } from '../support/proxies.ts';

const legs = new Proxies('prefill-0', 'prefill-1', 'decode-0', 'decode-1');
const rig = useRig({
  nodes: ['a', 'b', 'c', 'd'],
  engines: [
    engine('prefill-0', 'prefill', 'a', SLOW),
    engine('prefill-1', 'prefill', 'c', SLOW),
    engine('decode-0', 'decode', 'b', SLOW_TOKENS),
    engine('decode-1', 'decode', 'd', SLOW_TOKENS),
    ALONE,
  ],
  proxies: legs,
});

/** The prompt's first token becomes its neighbour. */
function otherFirstToken(bytes: Buffer, way: Way): Buffer[] {
  const at = way === 'up' ? bytes.indexOf('"prompt":[') : -1;
  if (at < 0) return [bytes];
  const copy = Buffer.from(bytes);
  const last = copy.indexOf(',', at + '"prompt":['.length) - 1;
  copy.writeUInt8(copy.readUInt8(last) ^ 1, last);
  return [copy];
}

const prefills = ['prefill-0', 'prefill-1'];
const decoders = ['decode-0', 'decode-1'];

describe('the prefill leg', () => {
  test.each([
    ['s3', 'before anything has landed', computing],
    ['s4', 'after some chunks have landed', landed(1)],
  ] as const)('[http-prefill-cut-%s] cut %s: another one goes on', async (stage, _name, there) => {
    const { outcome, journey } = await rig.meet(`cut-${stage}`, there);
    legs.of(placed(journey, 'prefill')).cut();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[http-prefill-partition-up-s3] the request does not get there: another one computes', async () => {
    legs.of('prefill-0').fault = { hold: 'up' };
    for (let i = 0; i < 3; i++) expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  });
  test('[http-prefill-partition-down-s3] the answer does not come back: what has landed is enough, and a late answer is fenced', async () => {
    const { outcome, journey } = await rig.meet('partition-down', computing);
    legs.of(placed(journey, 'prefill')).fault = { hold: 'down' };
    expect(await outcome).toMatchObject({ kind: 'right' });
    expect((await rig.ended('partition-down')).attempts).toHaveLength(journey.attempts.length);
  });
  test('[http-prefill-delay-s3] late both ways', async () => {
    for (const name of prefills) legs.of(name).fault = { delayMs: 200 };
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  });
  test('[http-prefill-refused-s0] nobody listens: another one computes', async () => {
    legs.of('prefill-0').fault = { refuse: true };
    legs.of('prefill-0').cut();
    for (let i = 0; i < 3; i++) expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  });
  test('[http-prefill-corrupt-s3] a bit of its prompt flipped: its keys are others than the ticket’s, so its KV goes nowhere', async () => {
    for (const name of prefills) legs.of(name).fault = { change: otherFirstToken };
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  });
  test('[http-prefill-half-close-s3] one way only', async () => {
    for (const way of ['up', 'down'] as const) {
      const { outcome, journey } = await rig.meet(`half-${way}`, computing);
      legs.of(placed(journey, 'prefill')).halfClose(way);
      expect(await outcome).toMatchObject({ kind: 'right' });
    }
  });
});

describe('the decode leg', () => {
  test('[http-decode-cut-s5] cut before its first token: another one answers', async () => {
    const { outcome, journey } = await rig.meet('cut-s5', decoding);
    legs.of(placed(journey, 'decode')).cut();
    expect(await outcome).toMatchObject({ kind: 'right' });
  });
  test('[http-decode-cut-s6] cut after its first token: an error event and no [DONE]', async () => {
    const { outcome, journey } = await rig.meet('cut-s6', answering, { answerTokens: 30, stream: true });
    legs.of(placed(journey, 'decode')).cut();
    expect(await outcome).toMatchObject({ kind: 'broken', code: 'decode_interrupted' });
  });
  test('[http-decode-cut-bytes-s6] cut at any byte: whole events, then an error event; or another one answers', async () => {
    for (const bytes of [1, 90, 200, 500, 1500]) {
      for (const name of decoders) legs.of(name).fault = { change: cutAfter('down', bytes) };
      const { kind } = await rig.ask(await rig.prompt(256, 10), { stream: true });
      expect(['broken', 'right', 'refused']).toContain(kind);
      legs.heal();
      await rig.mend();
    }
  });
  test.each(['up', 'down'] as const)(
    '[http-decode-half-close-%s-s6] one way only after its first token',
    async (way) => {
      const { outcome, journey } = await rig.meet(`half-s6-${way}`, answering, {
        answerTokens: 30,
        stream: true,
      });
      legs.of(placed(journey, 'decode')).halfClose(way);
      expect(['broken', 'right']).toContain((await outcome).kind);
    },
  );
  test('[http-decode-partition-s5] silent before its first token: another one answers', async () => {
    legs.of('decode-0').fault = { hold: 'down' };
    for (let i = 0; i < 3; i++) expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
  });
  test('[http-decode-partition-s6] silent after its first token: an error event in bounded time', async () => {
    const { outcome, journey } = await rig.meet('partition-s6', answering, {
      answerTokens: 30,
      stream: true,
    });
    legs.of(placed(journey, 'decode')).fault = { hold: 'both' };
    expect(await outcome).toMatchObject({ kind: 'broken', code: 'decode_interrupted' });
  });
  test('[http-decode-slow-s6] late and slow: the answer is whole', async () => {
    for (const name of decoders) legs.of(name).fault = { delayMs: 100, bytesPerS: 10_000 };
    expect(await rig.ask(await rig.prompt(512, 10), { stream: true })).toMatchObject({ kind: 'right' });
  });
  test('[http-decode-garbage-s5] the head of its answer is no HTTP: another one answers, or it is refused', async () => {
    const garbage = (bytes: Buffer, way: Way): Buffer[] => [
      way === 'down' ? Buffer.alloc(bytes.length, 0x7f) : bytes,
    ];
    legs.of('decode-0').fault = { change: garbage };
    for (let i = 0; i < 3; i++) expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'right' });
    for (const name of decoders) legs.of(name).fault = { change: garbage };
    expect(await rig.ask(await rig.prompt(512))).toMatchObject({ kind: 'refused' });
  });
});
