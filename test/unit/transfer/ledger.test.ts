import { describe, expect, test } from 'vitest';
import { REASONS } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import { seededRandom } from '#core/random.ts';
import { Ledger } from '#transfer/ledger.ts';
import type { NativeTicket } from '#transfer/native.ts';
import { STATE_NAMES, bytes, type ToRouter } from '#transfer/wire.ts';
import { FakeBus } from './fake-bus.ts';
import { NAMESPACE, OPTIONS, expectOf, openOf, ticketOf } from './world.ts';

function setup(online: (router: string) => boolean = () => true) {
  const told: { router: string; message: ToRouter }[] = [];
  const counts = { refused: [] as string[], late: 0, ended: [] as string[], undelivered: 0 };
  const bus = new FakeBus(OPTIONS, () => undefined);
  bus.attach('decode', NAMESPACE);
  const ledger = new Ledger({
    bus,
    node: 'here',
    tell: (router, message) => {
      if (online(router)) told.push({ router, message });
      return online(router);
    },
    refused: (reason) => counts.refused.push(reason),
    late: () => counts.late++,
    ended: (role, state) => counts.ended.push(`${role} ${state}`),
    undelivered: () => counts.undelivered++,
  });
  const drain = (): void => {
    const drained = bus.drain();
    for (const granted of drained.granted) ledger.granted(granted);
    for (const ticket of drained.tickets) ledger.changed(ticket);
  };
  const open = (n: number, router = 'a', changes = {}): void => {
    const request = openOf(ticketOf(n), 1, changes);
    ledger.open(router, {
      ...request,
      ticket: ticketOf(n),
      namespace: NAMESPACE,
      keys: bytes(request.keys),
      tokens: [...request.tokens],
    });
  };
  const lines = (): string[] =>
    told.map(({ router, message }) => {
      const { value } = message;
      if (message.$case === 'granted')
        return `${router} ${message.value.granted ? 'granted' : message.value.reason}`;
      return `${router} ${message.$case} ${'state' in value ? (STATE_NAMES[value.state] ?? '') : ''} ${'reason' in value ? value.reason : ''}`.trim();
    });
  return { bus, ledger, drain, open, told, counts, lines };
}

describe('asking', () => {
  test('a granted Open is answered, then its state is told', () => {
    const { open, drain, lines } = setup();
    open(1);
    drain();
    expect(lines()).toEqual(['a granted', 'a progress reserved']);
  });

  test('an id in use is refused and counted, and the ticket goes on', () => {
    const { open, drain, lines, counts, ledger } = setup();
    open(1);
    drain();
    open(1);
    open(1, 'b');
    expect(lines().slice(2)).toEqual(['a duplicate_ticket', 'b duplicate_ticket']);
    expect(counts.refused).toEqual(['duplicate_ticket', 'duplicate_ticket']);
    expect(ledger.live).toBe(1);
  });

  test('an ended id is refused', () => {
    const { open, drain, bus, lines } = setup();
    open(1);
    bus.now(ticketOf(1), 'settled');
    drain();
    open(1);
    expect(lines().at(-1)).toBe('a ended_ticket');
  });

  test('a refusal of the bus is answered and forgotten', () => {
    const { open, drain, lines, ledger } = setup();
    open(1, 'a', { engine: 'nobody' });
    drain();
    expect(lines()).toEqual(['a no_attachment']);
    expect(ledger.live).toBe(0);
  });

  test.each([
    ['no keys', { keys: Buffer.alloc(0), tokens: new Uint32Array(0) }],
    ['keys cut short', { keys: Buffer.alloc(31) }],
    ['a chunk of no tokens', { tokens: new Uint32Array(1) }],
    ['too large a chunk', { tokens: new Uint32Array([LIMITS.chunkTokensMax + 1]) }],
    ['no lease', { leaseMs: 0 }],
    ['an engine name with a slash', { engine: 'a/b' }],
    ['no source', { sourceNode: '' }],
  ])('an Open with %s is malformed and never reaches the bus', (_, changes) => {
    const { open, lines, drain, ledger } = setup();
    open(1, 'a', changes);
    drain();
    expect(lines()).toEqual(['a malformed']);
    expect(ledger.live).toBe(0);
  });

  test('an Open of a shared arena that names an earlier life of this service is stale', () => {
    const { open, lines, drain } = setup();
    open(1, 'a', { sourceNode: 'here', sourceIncarnation: 6n });
    open(2, 'a', { sourceNode: 'here', sourceIncarnation: 7n });
    drain();
    expect(lines()).toEqual(['a stale_incarnation', 'a granted', 'a progress reserved']);
  });

  test('an Expect is checked like an Open and answered as source', () => {
    const { ledger, drain, told, lines } = setup();
    const request = expectOf(ticketOf(1), 1);
    const message = {
      ...request, ticket: ticketOf(1), namespace: NAMESPACE, keys: bytes(request.keys), tokens: [...request.tokens],
      need: bytes(request.need),
    }; // prettier-ignore
    ledger.expect('a', { ...message, need: Buffer.alloc(2) });
    ledger.expect('a', { ...message, targetPort: 70_000 });
    ledger.expect('a', message);
    drain();
    expect(lines()).toEqual(['a malformed', 'a malformed', 'a granted', 'a progress reserved']);
    expect(told[2]?.message).toMatchObject({ value: { role: 1, granted: true } });
  });
});

describe('what only the owner may do', () => {
  test.each(['abort', 'renew', 'settle'] as const)('%s by another router is refused and counted', (verb) => {
    const { open, drain, ledger, bus, counts } = setup();
    open(1);
    drain();
    if (verb === 'abort') ledger.abort('b', ticketOf(1), 'aborted');
    else if (verb === 'renew') ledger.renew('b', ticketOf(1), 1000);
    else ledger.settle('b', ticketOf(1));
    expect(counts.refused).toEqual(['foreign_ticket']);
    expect(bus.calls).toEqual([]);
    expect(ledger.live).toBe(1);
  });

  test('unknown and ended tickets are refused and counted, whoever names them', () => {
    const { open, drain, ledger, bus, counts } = setup();
    ledger.abort('a', ticketOf(9), 'aborted');
    open(1);
    bus.now(ticketOf(1), 'expired');
    drain();
    ledger.abort('a', ticketOf(1), 'aborted');
    ledger.settle('b', ticketOf(1));
    expect(counts.refused).toEqual(['unknown_ticket', 'ended_ticket', 'foreign_ticket']);
  });

  test('a lease of no or absurd length is malformed', () => {
    const { open, drain, ledger, bus, counts } = setup();
    open(1);
    drain();
    ledger.renew('a', ticketOf(1), 0);
    ledger.renew('a', ticketOf(1), LIMITS.leaseMsMax + 1);
    ledger.renew('a', ticketOf(1), 900);
    expect(counts.refused).toEqual(['malformed', 'malformed']);
    expect(bus.calls).toEqual(['renew 900']);
  });
});

describe('the last word', () => {
  test('an end tells why: lease, router, or the native reason', () => {
    const { open, drain, bus, lines, ledger } = setup();
    for (const n of [1, 2, 3]) open(n);
    drain();
    bus.now(ticketOf(1), 'expired');
    ledger.abort('a', ticketOf(2), 'key_mismatch');
    bus.fail(ticketOf(3), 'lane_lost');
    drain();
    expect(lines().slice(6)).toEqual([
      'a report expired expired', 'a report aborted key_mismatch', 'a report failed lane_lost',
    ]); // prettier-ignore
    expect(ledger.live).toBe(0);
  });

  test('comes once, however often the bus repeats it', () => {
    const { open, drain, bus, lines, counts } = setup();
    open(1);
    drain();
    bus.now(ticketOf(1), 'settled');
    drain();
    bus.now(ticketOf(1), 'settled');
    drain();
    expect(lines().filter((line) => line.startsWith('a report'))).toHaveLength(1);
    expect(counts.late).toBe(1);
  });

  test('waits for a router that is away, and is handed over once', () => {
    let here = true;
    const { open, drain, bus, ledger } = setup(() => here);
    open(1);
    drain();
    here = false;
    bus.now(ticketOf(1), 'expired');
    drain();
    expect(ledger.takeReports('b')).toEqual([]);
    expect(ledger.takeReports('a')).toHaveLength(1);
    expect(ledger.takeReports('a')).toEqual([]);
  });

  test('what is kept for absent routers and of ended tickets is bounded, oldest first', () => {
    const { drain, bus, ledger, counts } = setup(() => false);
    bus.freeChunks = 1_000_000;
    const id = (n: number): Buffer => {
      const ticket = Buffer.alloc(16);
      ticket.writeUInt32LE(n);
      return ticket;
    };
    const total = LIMITS.reportsKeptMax + 10;
    for (let n = 0; n < total; n++) {
      const request = openOf(id(n), 1);
      const { keys, tokens } = request;
      ledger.open('a', {
        ...request,
        ticket: id(n),
        namespace: NAMESPACE,
        keys: bytes(keys),
        tokens: [...tokens],
      });
      bus.now(id(n), 'expired');
    }
    drain();
    expect(counts.undelivered).toBe(10);
    expect(ledger.takeReports('a')).toHaveLength(LIMITS.reportsKeptMax);
    ledger.abort('a', id(0), 'aborted');
    ledger.abort('a', id(total - 1), 'aborted');
    expect(counts.refused).toEqual(['unknown_ticket', 'ended_ticket']);
  });

  test('stamps are told layer by layer', () => {
    const { open, drain, bus, told } = setup();
    open(1);
    bus.now(ticketOf(1), 'settled', {
      stamps: BigUint64Array.from([1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n]),
    });
    drain();
    expect(told.at(-1)?.message).toMatchObject({
      value: { computedFirstNs: [1n, 6n], computedNs: [2n, 7n], outNs: [3n, 8n], landedNs: [4n, 9n], scatteredNs: [5n, 10n] },
    }); // prettier-ignore
  });
});

test('records of tickets that nobody asked for are counted and dropped', () => {
  const { bus, drain, counts, told } = setup();
  const view: NativeTicket = {
    ticket: ticketOf(5), role: 't', state: 3, reason: 0, chunks: 1, chunksNeeded: 1, chunksLanded: 1, claims: 0, chunksCorrupt: 0,
    bytesOut: 0, bytesIn: 0, runsResent: 0, peer: '', clockOffsetNs: 0, stamps: new BigUint64Array(0),
  }; // prettier-ignore
  bus.stray(view);
  bus.stray({ ...view, ticket: ticketOf(6), state: 99 });
  drain();
  expect(counts.late).toBe(2);
  expect(told).toEqual([]);
});

test('random histories: one answer per ask, one last word per granted ticket, states only forward', () => {
  const order = [
    'reserved',
    'streaming',
    'landed',
    'claimed',
    'settled',
    'aborted',
    'expired',
    'failed',
  ] as const;
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random.unit() * items.length)] as T;
    const { bus, ledger, drain, open, told } = setup();
    let asks = 0;
    for (let step = 0; step < 120; step++) {
      const n = 1 + Math.floor(random.unit() * 5);
      const router = pick(['a', 'b']);
      const act = pick(['open', 'abort', 'renew', 'settle', 'now', 'now', 'now', 'drain', 'drain']);
      if (act === 'open') {
        open(n, router, random.unit() < 0.2 ? { engine: 'nobody' } : {});
        asks++;
      } else if (act === 'abort') ledger.abort(router, ticketOf(n), pick(REASONS));
      else if (act === 'renew') ledger.renew(router, ticketOf(n), 100);
      else if (act === 'settle') ledger.settle(router, ticketOf(n));
      else if (act === 'now' && bus.listTickets().some((view) => view.ticket[0] === n))
        bus.now(ticketOf(n), pick(order));
      else drain();
    }
    drain();
    const of = (kind: string) => told.filter(({ message }) => message.$case === kind);
    expect(of('granted')).toHaveLength(asks);
    const granted = of('granted').filter(
      ({ message }) => message.$case === 'granted' && message.value.granted,
    );
    // The fake forgets no ended ticket, so each id is granted at most once and ends at most once.
    expect(of('report').length + ledger.live).toBe(granted.length);
    const rank = new Map<string, number>();
    const wrong: string[] = [];
    for (const { router, message } of told) {
      if (message.$case !== 'progress' && message.$case !== 'report') continue;
      const id = `${router} ${message.value.ticket.toString('hex')}`;
      const before = rank.get(id) ?? 0;
      if (message.value.state < before || before >= 5)
        wrong.push(`${id} ${before} to ${message.value.state}`);
      rank.set(id, message.value.state);
    }
    expect(wrong).toEqual([]);
  }
});
