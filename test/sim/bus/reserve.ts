// How a ticket begins (native/src/bus/reserve.cc): granted or refused at once, never made to wait for another.
import { hex, keyAt } from '#core/ids.ts';
import type { NativeExpect, NativeOpen } from '#transfer/native.ts';
import { NO_SLOT } from './arena.ts';
import { payloadBytes } from './geometry.ts';
import { BOUNDS } from './limits.ts';
import { Source } from './source.ts';
import { Target } from './target.ts';
import { STATE, Ticket, newChunk, reason, type Parts, type Role } from './ticket.ts';

function refusal({ tickets }: Parts, id: string, chunks: number): number {
  if (tickets.refusing) return reason('stopping');
  if (chunks === 0 || chunks > BOUNDS.chunksPerTicket) return reason('malformed');
  if (tickets.find(id) !== null || tickets.findEnded(id) !== null) return reason('duplicate_ticket');
  return tickets.count >= BOUNDS.tickets ? reason('busy') : 0;
}

function freeBytes({ store }: Parts): number {
  const { bytes_total: total, bytes_pinned: pinned } = store.stats();
  return total - pinned;
}

function refuse(parts: Parts, id: string, role: Role, why: number): void {
  parts.counters.tickets_refused++;
  parts.mailbox.granted({
    ticket: Buffer.from(id, 'hex'), role, granted: false, reason: why, need: new Uint8Array(0), epoch: 0,
    freeBytes: freeBytes(parts),
  }); // prettier-ignore
  parts.publishSoon();
}

function grant(parts: Parts, ticket: Ticket): void {
  // A target says what it lacks; a source, what its engine still has to gather.
  const need = ticket.chunks.map(({ needed, slot }) => needed && (ticket.role !== 's' || slot === NO_SLOT));
  parts.mailbox.granted({
    ticket: Buffer.from(ticket.id, 'hex'), role: ticket.role, granted: true, reason: 0, need: Uint8Array.from(need, Number),
    epoch: ticket.epoch, freeBytes: freeBytes(parts),
  }); // prettier-ignore
  parts.publishSoon();
  parts.tickets.changed(ticket);
}

/** What it has pinned, of one that is not admitted. The last first. */
function release({ store }: Parts, ticket: Ticket): void {
  for (const { slot } of ticket.chunks.toReversed()) if (slot !== NO_SLOT) store.unpin(slot);
}

const chunksOf = ({ keys, tokens }: NativeOpen | NativeExpect): [string, number][] =>
  Array.from(tokens, (n, i) => [hex(keyAt(keys, i)), n]);

export function open(parts: Parts, request: NativeOpen): void {
  const { options, engines, store, tickets } = parts;
  const id = hex(request.ticket);
  const namespace = hex(request.namespace);
  const shared = request.sourceNode === options.node;
  const role = shared ? 'b' : 't';
  const chunks = chunksOf(request);
  const why = refusal(parts, id, chunks.length);
  if (why !== 0) { refuse(parts, id, role, why); return; } // prettier-ignore
  const engine = engines.attachment(request.engine, namespace);
  const writer = shared ? engines.attachment(request.sourceEngine, namespace) : engine;
  if (engine === null || writer === null) { refuse(parts, id, role, reason('no_attachment')); return; } // prettier-ignore

  const { geometry } = engine;
  const ticket = new Ticket({
    id, role, namespace, geometry, peer: request.sourceNode, epoch: options.epoch(), engine: request.engine,
    sourceEngine: shared ? request.sourceEngine : '',
  }); // prettier-ignore
  if (chunks.some(([, tokens]) => tokens === 0 || tokens > geometry.chunkTokens)) {
    refuse(parts, id, role, reason('malformed'));
    return;
  }
  ticket.chunks = chunks.map(([key, tokens]) => newChunk(key, tokens, false));
  const giveUp = (reasonNumber: number): void => {
    release(parts, ticket);
    refuse(parts, id, role, reasonNumber);
  };
  // What is here already is pinned before anything is reserved, lest it be evicted for the rest.
  const lacking: number[] = [];
  let bytes = 0;
  ticket.chunks.forEach((chunk, i) => {
    chunk.needed = !tickets.hold(ticket, i);
    chunk.done = !chunk.needed;
    if (!chunk.needed) return;
    lacking.push(chunk.tokens);
    bytes += payloadBytes(geometry, chunk.tokens);
  });
  ticket.needed = lacking.length;
  if (bytes > options.ticketShareMax * store.stats().bytes_total) { giveUp(reason('too_large')); return; } // prettier-ignore
  if (!store.fits(geometry, lacking)) { giveUp(reason('target_full')); return; } // prettier-ignore
  for (const chunk of ticket.chunks) {
    if (!chunk.needed) continue;
    chunk.slot = store.reserve(chunk.key, namespace, geometry, chunk.tokens, ++parts.fills, shared ? writer.pid : 0);
    if (chunk.slot === NO_SLOT) { giveUp(reason('target_full')); return; } // prettier-ignore
  } // prettier-ignore
  if (!shared) ticket.target = new Target(ticket, store);
  parts.counters.tickets_opened++;
  tickets.admit(ticket, request.leaseMs);
  grant(parts, ticket);
  if (!shared && ticket.needed > 0) parts.arrivals.await(ticket);
  if (ticket.needed === 0) tickets.landed(ticket);
}

export function expect(parts: Parts, request: NativeExpect): void {
  const { engines, store, tickets, lanes } = parts;
  const id = hex(request.ticket);
  const namespace = hex(request.namespace);
  const chunks = chunksOf(request);
  const why = refusal(parts, id, chunks.length);
  if (why !== 0) { refuse(parts, id, 's', why); return; } // prettier-ignore
  if (request.need.length !== chunks.length) { refuse(parts, id, 's', reason('malformed')); return; } // prettier-ignore
  const engine = engines.attachment(request.engine, namespace);
  if (engine === null) { refuse(parts, id, 's', reason('no_attachment')); return; } // prettier-ignore

  const { geometry } = engine;
  if (chunks.some(([, tokens]) => tokens === 0 || tokens > geometry.chunkTokens)) {
    refuse(parts, id, 's', reason('malformed'));
    return;
  }
  const ticket = new Ticket({
    id, role: 's', namespace, geometry, peer: request.targetNode, epoch: request.epoch, engine: '',
    sourceEngine: request.engine,
  }); // prettier-ignore
  ticket.chunks = chunks.map(([key, tokens], i) => newChunk(key, tokens, request.need[i] !== 0));
  ticket.needed = ticket.chunks.filter(({ needed }) => needed).length;
  const missing = ticket.chunks.filter((chunk, i) => chunk.needed && !tickets.hold(ticket, i));
  // The window moves with the acknowledgements; without room for even one chunk it cannot begin.
  const first = missing.slice(0, 1).map(({ tokens }) => tokens);
  if (first.length > 0 && !store.fits(geometry, first)) {
    release(parts, ticket);
    refuse(parts, id, 's', reason('source_full'));
    return;
  }
  const source = new Source(ticket, store);
  ticket.source = source;
  parts.counters.tickets_expected++;
  tickets.admit(ticket, request.leaseMs);
  grant(parts, ticket);
  if (ticket.needed === 0) { tickets.end(ticket, STATE.settled, 0, false); return; } // prettier-ignore
  lanes.join(ticket, request.targetHost, request.targetPort);
  ticket.chunks.forEach(({ slot }, i) => {
    if (slot !== NO_SLOT) source.readyAll(i);
  });
  lanes.more(ticket);
}
