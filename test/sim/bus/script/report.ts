// What happened in one step, as lines: told by the bus, sent over lanes, counted, held in the arena. The driver over the real bus
// (native/test/script/report.cc) prints the same.
import { keyAt } from '#core/ids.ts';
import type { NativeBus, NativeDrained, NativeTicket } from '#transfer/native.ts';
import { STATE } from '../ticket.ts';
import type { LaneConnection, LaneMessage, Side } from '../contract.ts';
import { keyName, ticketName } from './names.ts';

const STATES = Object.keys(STATE);
const bits = (bytes: ArrayLike<number>): string => Array.from(bytes).join('') || '-';

export function drainedLines(node: string, { granted, tickets, chunks, relist, attachments }: NativeDrained): string[] {
  const lines: string[] = [];
  for (const g of granted) {
    const what = g.granted ? `granted need=${bits(g.need)} epoch=${g.epoch}` : `refused reason=${g.reason}`;
    lines.push(`${node} ${ticketName(g.ticket)} ${g.role} ${what} free=${g.freeBytes}`);
  }
  for (const ticket of tickets) lines.push(`${node} ${ticketLine(ticket)}`);
  if (relist) lines.push(`${node} relist`);
  chunks.kinds.forEach((kind, i) => {
    const what = kind === 1 ? 'stored' : 'removed';
    lines.push(`${node} ${what} ${keyName(keyAt(chunks.keys, i))} tokens=${chunks.tokens[i] ?? 0}`);
  });
  for (const { engine, pid, attached } of attachments) {
    lines.push(`${node} ${attached ? 'attached' : 'detached'} ${engine} pid=${pid}`);
  }
  return lines;
} // prettier-ignore

function ticketLine(t: NativeTicket): string {
  const state = STATES[t.state] ?? String(t.state);
  const numbers = `chunks=${t.chunksLanded}/${t.chunksNeeded}/${t.chunks} claims=${t.claims} corrupt=${t.chunksCorrupt} bytes=${t.bytesOut}/${t.bytesIn}`;
  const stamps = Array.from(t.stamps, (ns) => Number(ns / 1_000_000n)).join(',');
  return `${ticketName(t.ticket)} ${t.role} ${state} reason=${t.reason} ${numbers} resent=${t.runsResent} peer=${t.peer} stamps=${stamps || '-'}`;
}

/** What the node holds now, for `list`. */
export function listLine(bus: NativeBus): string {
  const tickets = bus.listTickets().map((t) => `${ticketName(t.ticket)}:${STATES[t.state] ?? ''}`);
  const { keys, tokens } = bus.listChunks();
  const chunks = Array.from(tokens, (n, i) => `${keyName(keyAt(keys, i))}:${n}`);
  const engines = bus.listAttachments().map(({ engine }) => engine);
  const all = [tickets.sort(), chunks, engines].map((list) => list.join(',') || '-');
  return `tickets ${all[0]} chunks ${all[1]} engines ${all[2]}`;
}

/** Counters that the model has, in this order. */
const COUNTERS = [
  'tickets_live', 'tickets_opened', 'tickets_expected', 'tickets_refused', 'tickets_landed', 'tickets_settled',
  'tickets_aborted', 'tickets_expired', 'tickets_failed', 'runs_resent', 'stripes_wrong', 'refused_unknown',
  'refused_foreign', 'refused_ended', 'late_messages', 'sessions_up', 'fills_begun', 'fills_full', 'claims',
  'corrupt_reported', 'lane_resets', 'lane_hello_refused', 'lanes_up', 'arena_bytes_used', 'arena_bytes_pinned',
  'arena_bytes_sealed', 'arena_slots_used', 'arena_pins', 'arena_quiescing', 'arena_evictions', 'arena_double_seals',
] as const; // prettier-ignore

/** Those that differ from what was printed last. */
export function countersLine(node: string, bus: NativeBus, last: Map<string, number>): string[] {
  const now = bus.counters();
  const changed = COUNTERS.filter((name) => now[name] !== (last.get(name) ?? 0));
  for (const name of changed) last.set(name, now[name] ?? 0);
  if (changed.length === 0) return [];
  return [`${node} counts ${changed.map((name) => `${name}=${now[name] ?? 0}`).join(' ')}`];
}

const arrow = (to: Side): string => (to === 'listener' ? '>' : '<');

export function messageLine(connection: number, to: Side, message: LaneMessage): string {
  const head = `${connection} ${arrow(to)} ${message.kind}`;
  if (message.kind === 'ready') return head;
  if (message.kind !== 'run' && message.kind !== 'ack') {
    return `${head} ${ticketName(message.ticket)} epoch=${message.epoch} reason=${message.reason}`;
  }
  const { ticket, epoch, chunk, first, count } = message.run;
  const run = `${head} ${ticketName(ticket)} epoch=${epoch} chunk=${chunk} stripes=${first}+${count}`;
  if (message.kind === 'ack') return `${run} landing=${message.landing} reason=${message.reason}`;
  return `${run} values=${message.values.join(',')}`;
}

export function connectionLine(connection: LaneConnection): string {
  const { id, dialler, listener, state } = connection;
  const waiting = `>${connection.pending('listener')} <${connection.pending('dialler')}`;
  return `${id} ${dialler}-${listener} ${state} ${waiting}`;
}
