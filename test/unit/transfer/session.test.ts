import { describe, expect, test } from 'vitest';
import { BatonError } from '#core/errors.ts';
import { silentLogger } from '#core/log.ts';
import { systemRandom } from '#core/random.ts';
import type { RouterMessage, ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import { RouterHello } from '#transfer/hello.ts';
import { LIMITS } from '#core/limits.ts';
import { Session } from '#transfer/session.ts';
import type { ToService } from '#transfer/wire.ts';
import { KEY, NAMESPACE, createWorld, ticketOf } from './world.ts';

/** A stream whose router is this test. */
function stream(unsentBytesMax?: number) {
  const world = createWorld();
  const written: ServiceBatch[] = [];
  const ends: (BatonError | null)[] = [];
  const timers: { ms: number; work: () => void }[] = [];
  const clock = {
    now: () => 0,
    after: (ms: number, work: () => void) => {
      timers.push({ ms, work });
      return { cancel: () => undefined };
    },
  };
  let reads = true;
  const carrier = {
    peer: '127.0.0.1:9',
    write: (batch: ServiceBatch, sent: () => void) => {
      written.push(batch);
      if (reads) sent();
    },
    end: (error: BatonError | null) => ends.push(error),
  };
  const { service, metrics } = world;
  const session = new Session(carrier, {
    service, metrics, keys: [KEY], clock, random: systemRandom, log: silentLogger, turn: (work) => { work(); },
    ...(unsentBytesMax === undefined ? {} : { unsentBytesMax }),
  }); // prettier-ignore
  const router = new RouterHello('r1', [KEY], systemRandom, '127.0.0.1:1');
  let seq = 0n;
  const say = (...messages: ToService[]): void => {
    seq++;
    session.receive({ seq, messages: messages.map((message): RouterMessage => ({ message })) });
  };
  const sayHello = (): void => {
    const hello = router.hello();
    if (hello.ok) say({ $case: 'hello', value: hello.value });
  };
  const join = (): void => {
    sayHello();
    const challenge = written[0]?.messages[0]?.message;
    if (challenge?.$case !== 'challenge') throw new Error('no challenge');
    const proof = router.challenge(challenge.value);
    if (proof.ok) say({ $case: 'proof', value: proof.value });
  };
  const kinds = (): string[] =>
    written.flatMap(({ messages }) => messages.map(({ message }) => message?.$case ?? ''));
  const refusals = (reason: string) => metrics.value('baton_transfer_hello_refused_total', { reason });
  const cuts = (reason: string) => metrics.value('baton_transfer_streams_cut_total', { reason });
  const stopReading = (): void => { reads = false; }; // prettier-ignore
  return {
    ...world,
    session,
    written,
    ends,
    timers,
    say,
    sayHello,
    join,
    kinds,
    refusals,
    cuts,
    stopReading,
  };
}

describe('a control stream', () => {
  test('begins with challenge, welcome and snapshot, numbered from 1', () => {
    const { join, kinds, written, ends } = stream();
    join();
    expect(kinds()).toEqual(['challenge', 'welcome', 'snapshot']);
    expect(written.map(({ seq }) => seq)).toEqual([1n, 2n, 3n]);
    expect(written[1]?.messages[0]?.message).toMatchObject({
      value: { node: 'here', incarnation: 7n, lanePort: 4444 },
    });
    expect(ends).toEqual([]);
  });

  test('with a wrong proof is refused and counted, and nothing is told', async () => {
    const { sayHello, say, ends, refusals, kinds } = stream();
    sayHello();
    say({ $case: 'proof', value: { mac: Buffer.alloc(32) } });
    expect(ends.map((error) => error?.code)).toEqual(['hello_refused']);
    expect(await refusals('wrong_key')).toBe(1);
    expect(kinds()).toEqual(['challenge']);
  });

  test('that starts with anything but a hello is refused', async () => {
    const { say, ends, refusals } = stream();
    say({ $case: 'settle', value: { ticket: ticketOf(1) } });
    expect(ends.map((error) => error?.code)).toEqual(['hello_refused']);
    expect(await refusals('malformed')).toBe(1);
  });

  test('that does not finish its hello in time is refused', async () => {
    const { timers, ends, refusals } = stream();
    expect(timers.map(({ ms }) => ms)).toEqual([LIMITS.helloMs]);
    timers[0]?.work();
    expect(ends).toHaveLength(1);
    expect(await refusals('timeout')).toBe(1);
  });

  test('ends on a gap in its numbers', async () => {
    const { join, session, ends, cuts } = stream();
    join();
    session.receive({ seq: 4n, messages: [] });
    expect(ends.map((error) => error?.code)).toEqual(['malformed']);
    expect(await cuts('malformed')).toBe(1);
  });

  test('ends on a message that breaks the format', () => {
    const short = stream();
    short.join();
    short.say({ $case: 'settle', value: { ticket: Buffer.alloc(15) } });
    const second = stream();
    second.join();
    second.sayHello();
    const unknown = stream();
    unknown.join();
    unknown.session.receive({ seq: 3n, messages: [{ message: undefined }] });
    for (const { ends } of [short, second, unknown])
      expect(ends.map((error) => error?.code)).toEqual(['malformed']);
  });

  test('is cut when its router does not read, and the service goes on', async () => {
    const { join, stopReading, bus, service, ends, cuts, session } = stream(16 * 1024);
    join();
    stopReading();
    for (let n = 0; n < 200 && ends.length === 0; n++) {
      bus.attach('decode', NAMESPACE);
      service.wake();
    }
    expect(ends.map((error) => error?.code)).toEqual(['overloaded']);
    expect(await cuts('overloaded')).toBe(1);
    expect(session.pending).toBe(false);
    expect(service.ready).toBe(true);
  });

  test('of a router that joins again takes the place of the earlier one', () => {
    const { join, ends, service } = stream();
    join();
    const sent: string[] = [];
    service.join('r1', { send: (message) => sent.push(message.$case), end: () => undefined });
    expect(sent).toEqual(['welcome', 'snapshot']);
    expect(ends.map((error) => error?.code)).toEqual(['service_lost']);
  });

  test('more routers than the bound are refused', () => {
    const { service } = createWorld();
    const ends: string[] = [];
    for (let n = 0; n <= LIMITS.streamsMax; n++)
      service.join(`r${n}`, { send: () => undefined, end: (error) => ends.push(error.code) });
    expect(ends).toEqual(['busy']);
  });
});
