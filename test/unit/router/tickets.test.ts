import { describe, expect, test } from 'vitest';
import type { Clock } from '#core/clock.ts';
import type { Progress, Report, TicketRole, TicketStateName } from '#transfer/client.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { Ticket, Tickets } from '#router/tickets.ts';
import { mergeTimeline } from '#router/timeline.ts';

let now = 0;
let timers: { at: number; work: () => void }[] = [];
const clock: Clock = {
  now: () => now,
  after: (ms, work) => {
    timers.push({ at: now + ms, work });
    return { cancel: () => undefined };
  },
};
function pass(ms: number): void {
  now += ms;
  const due = timers.filter(({ at }) => at <= now);
  timers = timers.filter(({ at }) => at > now);
  for (const { work } of due) work();
}
const progress = (ticket: Ticket, role: TicketRole, state: TicketStateName, reason = ''): Progress => ({
  ticket: ticket.id, role, state, reason, chunks: 2, chunksNeeded: 2, chunksLanded: 1,
}); // prettier-ignore
const report = (ticket: Ticket, role: TicketRole, more: Partial<Report> = {}): Report => ({
  ...progress(ticket, role, 'settled'), bytesOut: 0, bytesIn: 0, runsResent: 0, claims: 0, chunksCorrupt: 0, peer: '', clockOffsetNs: 0n, layers: [], ...more,
}); // prettier-ignore

function opened(tickets: Tickets, id = 1): { ticket: Ticket; heard: string[] } {
  const ticket = new Ticket(new Uint8Array(16).fill(id), { source: 'a', target: 'b' });
  const heard: string[] = [];
  ticket.opened = ticket.expected = true;
  ticket.onLanded = () => heard.push('landed');
  ticket.onFailed = (error) => heard.push(error.code);
  ticket.onReported = () => heard.push('reported');
  tickets.add(ticket);
  return { ticket, heard };
}

describe('a ticket', () => {
  test('has landed once, by the target’s word only', () => {
    const tickets = new Tickets(clock);
    const { ticket, heard } = opened(tickets);
    tickets.progress(progress(ticket, 'source', 'landed'));
    expect(heard).toEqual([]);
    tickets.progress(progress(ticket, 'target', 'landed'));
    tickets.progress(progress(ticket, 'target', 'claimed'));
    expect(heard).toEqual(['landed']);
  });

  test.each([
    ['failed', 'source_full', 'source_full'],
    ['failed', '', 'peer_failed'],
    ['failed', 'no such code', 'peer_failed'],
    ['expired', '', 'expired'],
    ['aborted', 'aborted', 'aborted'],
  ] as const)('that is %s with reason "%s" fails by %s, once, from either end', (state, reason, code) => {
    for (const role of ['source', 'target'] as const) {
      const tickets = new Tickets(clock);
      const { ticket, heard } = opened(tickets);
      tickets.progress(progress(ticket, role, state, reason));
      tickets.progress(progress(ticket, role, state, reason));
      expect([heard, ticket.failedRole]).toEqual([[code], role]);
    }
  });

  test('fails when the control stream to one of its nodes ends', () => {
    const tickets = new Tickets(clock);
    const { heard } = opened(tickets);
    tickets.serviceLost('c');
    expect(heard).toEqual([]);
    tickets.serviceLost('b');
    expect(heard).toEqual(['service_lost']);
  });

  test('does not need its source any more once that has said that all was taken', () => {
    const tickets = new Tickets(clock);
    const { ticket, heard } = opened(tickets);
    tickets.report(report(ticket, 'source'));
    tickets.serviceLost('a');
    expect(heard).toEqual([]);
    tickets.progress(progress(ticket, 'target', 'landed'));
    expect(heard).toEqual(['landed']);
  });

  test('is forgotten once both ends have reported, in any order; later words are counted', () => {
    const tickets = new Tickets(clock);
    const { ticket, heard } = opened(tickets);
    tickets.ended(ticket);
    ticket.onReported = () => heard.push('reported');
    tickets.report(report(ticket, 'target'));
    expect([heard, tickets.size]).toEqual([[], 1]);
    tickets.report(report(ticket, 'source'));
    expect([heard, tickets.size, tickets.late]).toEqual([['reported'], 0, 0]);
    tickets.report(report(ticket, 'source'));
    expect(tickets.late).toBe(1);
  });

  test('whose reports never come is forgotten after its bound, though nothing else happens', () => {
    const tickets = new Tickets(clock);
    const first = opened(tickets);
    tickets.ended(first.ticket);
    pass(ROUTER_LIMITS.reportWaitMs / 2);
    const second = opened(tickets, 2);
    tickets.ended(second.ticket);
    pass(ROUTER_LIMITS.reportWaitMs / 2);
    expect([tickets.size, first.heard, second.heard]).toEqual([1, ['reported'], []]);
    pass(ROUTER_LIMITS.reportWaitMs / 2);
    expect([tickets.size, second.heard]).toEqual([0, ['reported']]);
  });

  test('one end of which reports only, is forgotten after the same bound with what is known', () => {
    const tickets = new Tickets(clock);
    const { ticket, heard } = opened(tickets);
    tickets.ended(ticket);
    tickets.report(report(ticket, 'target'));
    pass(ROUTER_LIMITS.reportWaitMs);
    expect([tickets.size, heard, ticket.targetReport === null]).toEqual([0, ['reported'], false]);
  });

  test('whose request still runs is not forgotten, however long that takes', () => {
    const tickets = new Tickets(clock);
    opened(tickets);
    const { ticket } = opened(tickets, 2);
    tickets.ended(ticket);
    pass(10 * ROUTER_LIMITS.reportWaitMs);
    expect(tickets.size).toBe(1);
  });

  test('waits for its reports only as long as there is room for more', () => {
    const tickets = new Tickets(clock);
    for (let i = 0; i <= ROUTER_LIMITS.ticketsKeptMax; i++) {
      const ticket = new Ticket(Buffer.from(String(i).padStart(16, '0')), { source: 'a', target: 'b' });
      tickets.add(ticket);
      tickets.ended(ticket);
    }
    expect(tickets.size).toBe(ROUTER_LIMITS.ticketsKeptMax);
  });
});

describe('a timeline', () => {
  const { ticket } = opened(new Tickets(clock));
  const ms = 1_000_000n;

  test('stands in the target’s clock, and never-stamped times are null', () => {
    const source = report(ticket, 'source', {
      layers: [
        { computedFirst: 1000n * ms, computed: 1004n * ms, out: 1005n * ms, landed: 0n, scattered: 0n },
      ],
    });
    const target = report(ticket, 'target', {
      clockOffsetNs: 900n * ms,
      layers: [{ computedFirst: 0n, computed: 0n, out: 0n, landed: 107n * ms, scattered: 0n }],
    });
    expect(mergeTimeline(source, target)).toEqual({
      layers: [{ computed_first_ms: 0, computed_ms: 4, out_ms: 5, landed_ms: 7, scattered_ms: null }],
      transfer_ms: 2,
      exposed_ms: 3,
      clock_offset_ns: 900_000_000,
    });
    const estimatedAtSource = { ...source, clockOffsetNs: -900n * ms };
    expect(mergeTimeline(estimatedAtSource, { ...target, clockOffsetNs: 0n })).toEqual(
      mergeTimeline(source, target),
    );
  });

  test('of one shared arena needs no second report', () => {
    const both = report(ticket, 'both', {
      layers: [{ computedFirst: 5n, computed: 6n, out: 0n, landed: 0n, scattered: 8n }],
    });
    expect(mergeTimeline(null, both)).toMatchObject({
      layers: [{ computed_first_ms: 0, out_ms: null }],
      transfer_ms: null,
      exposed_ms: null,
    });
  });

  test('without stamps is none', () => {
    expect(mergeTimeline(null, report(ticket, 'target'))).toBeNull();
  });
});
