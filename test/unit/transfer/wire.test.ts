import { expect, test } from 'vitest';
import { RouterBatch, ServiceBatch, TicketState } from '#proto/gen/baton/v1/transfer.ts';
import { ERRORS, REASONS } from '#core/errors.ts';
import type { NativeTicket } from '#transfer/native.ts';
import {
  STATE_NAMES, asCode, grantedMessage, progressMessage, reasonCode, reasonNumber, reportMessage, toGranted, toProgress,
  toReport, type ToRouter,
} from '#transfer/wire.ts'; // prettier-ignore
import { ticketOf } from './world.ts';

const VIEW: NativeTicket = {
  ticket: ticketOf(3), role: 't', state: 8, reason: 7, chunks: 9, chunksNeeded: 7, chunksLanded: 5, claims: 2, chunksCorrupt: 1,
  bytesOut: 0, bytesIn: 2 ** 40 + 1, runsResent: 3, peer: 'n1', clockOffsetNs: -12_345_678_901,
  stamps: BigUint64Array.from([1n, 2n, 3n, 4n, 2n ** 62n, 0n, 7n, 8n, 9n, 10n]),
}; // prettier-ignore

/** What is left of a message after the wire. */
function carried(message: ToRouter): ToRouter {
  const wire = ServiceBatch.encode({ seq: 1n, messages: [{ message }] }).finish();
  const back = ServiceBatch.decode(wire).messages[0]?.message;
  if (back === undefined) throw new Error('nothing came through');
  return back;
}

test('a report arrives as it was stamped', () => {
  const message = carried({ $case: 'report', value: reportMessage(VIEW) });
  if (message.$case !== 'report') throw new Error(message.$case);
  expect(toReport(message.value)).toEqual({
    ticket: ticketOf(3), role: 'target', state: 'failed', reason: 'lane_lost', chunks: 9, chunksNeeded: 7, chunksLanded: 5,
    bytesOut: 0, bytesIn: 2 ** 40 + 1, runsResent: 3, claims: 2, chunksCorrupt: 1, peer: 'n1', clockOffsetNs: -12_345_678_901n,
    layers: [
      { computedFirst: 1n, computed: 2n, out: 3n, landed: 4n, scattered: 2n ** 62n },
      { computedFirst: 0n, computed: 7n, out: 8n, landed: 9n, scattered: 10n },
    ],
  }); // prettier-ignore
});

test('a grant and a refusal arrive as they were given', () => {
  const grant = { ticket: ticketOf(1), role: 't', granted: true, reason: 0, need: Uint8Array.of(1, 0, 1), epoch: 4, freeBytes: 2 ** 41 };
  const there = (granted: Parameters<typeof grantedMessage>[0]) => {
    const message = carried({ $case: 'granted', value: grantedMessage(granted) });
    return message.$case === 'granted' ? toGranted(message.value) : null;
  };
  expect(there(grant)).toEqual({ granted: true, reason: '', need: Buffer.of(1, 0, 1), epoch: 4, freeBytes: 2 ** 41 });
  expect(there({ ...grant, granted: false, reason: 2 })?.reason).toBe('target_full');
  expect(there({ ...grant, granted: false, reason: 200 })?.reason).toBe('malformed');
}); // prettier-ignore

test('states have the numbers of the proto', () => {
  for (const [number, name] of STATE_NAMES.entries()) {
    const proto = name === null ? 'TICKET_STATE_UNSPECIFIED' : `TICKET_STATE_${name.toUpperCase()}`;
    expect(TicketState[proto as keyof typeof TicketState]).toBe(number);
  }
});

test('native reasons and codes are the same list, and every code is in the table of errors', () => {
  for (const [number, code] of REASONS.entries()) {
    expect(reasonCode(number)).toBe(number === 0 ? '' : code);
    expect(reasonNumber(code)).toBe(number);
    if (number > 0) expect(Object.keys(ERRORS)).toContain(code);
  }
  expect(reasonNumber('aborted')).toBe(0);
  expect(asCode('<script>')).toBe('malformed');
  expect(asCode('expired')).toBe('expired');
});

test('a message with a state or role of another version is nothing', () => {
  const progress = progressMessage({ ...VIEW, state: 200, role: 'x' });
  expect(toProgress(progress)).toBeNull();
  expect(toProgress({ ...progress, role: 7 as never, state: 1 })).toBeNull();
});

test('ids of 64 bits keep all their bits', () => {
  const incarnation = 2n ** 64n - 1n;
  const value = {
    ticket: ticketOf(1), engine: 'e', namespace: Buffer.alloc(32), keys: Buffer.alloc(32), tokens: [256], sourceNode: 'n',
    sourceEngine: 'p', sourceIncarnation: incarnation, leaseMs: 1,
  }; // prettier-ignore
  const wire = RouterBatch.encode({ seq: 9n, messages: [{ message: { $case: 'open', value } }] }).finish();
  expect(RouterBatch.decode(wire)).toEqual({ seq: 9n, messages: [{ message: { $case: 'open', value } }] });
});
