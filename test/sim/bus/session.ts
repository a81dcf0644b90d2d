// An engine's end of its session: the calls of baton.h as libbaton makes them (native/src/capi, native/src/session/client.cc).
// What it reads and writes in the arena goes by slot and generation, whatever has become of the service.
import { hex } from '#core/ids.ts';
import type { ArenaClient, ModelArena } from './arena.ts';
import { CODE, type Code, type ModelSession, type SlotRef, type Values } from './contract.ts';
import type { Engines } from './engines.ts';
import type { Attached, Fills } from './fills.ts';
import { digestOf, sameGeometry } from './geometry.ts';
import { BOUNDS } from './limits.ts';

/** The service's end, as long as there is one. */
export interface Service {
  engines: Engines;
  fills: Fills;
}

export class Session implements ModelSession, ArenaClient {
  readonly engine: string;
  readonly pid: number;
  readonly incarnation: bigint;
  readonly #id: number;
  readonly #attached: Attached;
  readonly #arena: ModelArena;
  readonly #watched = new Map<string, Code | null>(); // null: not known yet
  #service: Service | null;
  #open = true; // the service still reads what we say
  #gone = false;

  constructor(id: number, attached: Attached, arena: ModelArena, service: Service) {
    this.engine = attached.engine;
    this.pid = attached.pid;
    this.#id = id;
    this.#attached = attached;
    this.#arena = arena;
    this.incarnation = arena.incarnation;
    this.#service = service;
  }

  get closed(): boolean {
    return !this.#open;
  }

  /** The service has said yes. */
  attached(): void {
    this.#arena.clients.push(this);
    this.#tell();
  }

  sayQuiesced(): void {
    this.#serving()?.engines.quiesced(this.#id, this.incarnation);
  }

  /** When all that this process has of the arena is of one life of the service, that one may forget what the earlier ones gave. */
  #tell(): void {
    if (!this.#arena.processes.alive(this.pid)) return;
    const own = this.#arena.clients.filter(({ pid }) => pid === this.pid);
    if (new Set(own.map(({ incarnation }) => incarnation)).size === 1)
      for (const client of own) client.sayQuiesced();
  }

  /** The service is no more. */
  serviceGone(): void {
    this.#open = false;
    this.#service = null;
  }

  pushed(ticket: string, code: Code): void {
    if (this.#watched.has(ticket)) this.#watched.set(ticket, code);
  }

  lookup(keys: readonly Uint8Array[]): number {
    if (!this.#open) return 0;
    const missing = keys.findIndex((key) => !this.#arena.holds(hex(key)));
    return missing < 0 ? keys.length : missing;
  }

  accept(
    ticket: Uint8Array,
    keys: readonly Uint8Array[],
    totalTokens: number,
  ): { code: Code; need: boolean[] } {
    const last = keys.at(-1);
    if (last === undefined || totalTokens < 1) return { code: CODE.argument, need: [] };
    const service = this.#serving();
    if (service === null) return { code: CODE.closed, need: [] };
    return service.engines.accept(this.#id, hex(ticket), hex(last), keys.length, totalTokens);
  }

  poll(ticket: Uint8Array): Code {
    const service = this.#serving();
    if (service === null) return CODE.closed;
    const id = hex(ticket);
    const known = this.#watched.get(id);
    if (known != null) return known;
    if (known === undefined) this.#watch(id, service);
    const code = service.engines.watch(this.#id, id);
    // A ticket that this service does not know yet, or not for us, may become ours: ask again next time.
    if (code < 0 && code !== CODE.ended) this.#watched.delete(id);
    else this.#watched.set(id, code);
    return code;
  }

  forget(ticket: Uint8Array): void {
    if (!this.#watched.delete(hex(ticket))) return;
    this.#serving()?.engines.forget(this.#id, hex(ticket));
  }

  begin(
    ticket: Uint8Array | null,
    key: Uint8Array,
    chunk: number,
    tokens: number,
  ): { code: Code; slot: SlotRef | null } {
    const outside = chunk >= BOUNDS.chunksPerTicket || tokens < 1;
    if (outside || tokens > this.#attached.geometry.chunkTokens) return { code: CODE.argument, slot: null };
    const service = this.#serving();
    if (service === null) return { code: CODE.closed, slot: null };
    const request = { ticket: ticket === null ? null : hex(ticket), key: hex(key), chunk, tokens };
    const { code, slot, generation } = service.fills.begin(this.#id, this.#attached, request);
    return { code, slot: code === CODE.ok ? { slot, generation, tokens, chunk, key } : null };
  }

  ready(slot: SlotRef, layer: number, values: readonly string[]): Code {
    const code = this.#gather(slot, layer, values);
    this.#serving()?.fills.announce(this.#id, slot.slot, slot.generation, layer);
    return code;
  }

  abandon(slot: SlotRef): Code {
    const service = this.#serving();
    service?.fills.giveUp(this.#id, slot.slot, slot.generation);
    return service === null ? CODE.closed : CODE.ok;
  }

  claim(
    ticket: Uint8Array | null,
    keys: readonly Uint8Array[],
  ): { code: Code; claim: number; slots: SlotRef[] } {
    const service = this.#serving();
    if (service === null) return { code: CODE.closed, claim: 0, slots: [] };
    const { code, claim, slots } = service.engines.claim(
      this.#id,
      ticket === null ? null : hex(ticket),
      keys.map(hex),
    );
    return { code, claim, slots: slots.flatMap((slot, i) => this.#ref(slot, i, keys[i])) };
  }

  scatter(slot: SlotRef): { code: Code; values: Values } {
    const found = this.#find(slot);
    if (typeof found === 'number') return { code: found, values: [] };
    if (found.state !== 'sealed') return { code: CODE.ended, values: [] };
    const { layers, heads } = found.geometry;
    const values: Values = [];
    for (let layer = 0; layer < layers; layer++) {
      const row: string[] = [];
      for (let head = 0; head < heads; head++) {
        const value = found.values[layer * heads + head] ?? '';
        if (digestOf(found.key, layer, head, value) !== found.digests[layer * heads + head]) {
          this.corrupt(slot);
          return { code: CODE.digest, values: [] };
        }
        row.push(value);
      }
      values.push(row);
    }
    return { code: CODE.ok, values };
  }

  scattered(ticket: Uint8Array, stampsNs: readonly number[]): Code {
    if (stampsNs.length !== this.#attached.geometry.layers) return CODE.argument;
    const service = this.#serving();
    const stamps = stampsNs.map((stamp) => (stamp === 0 ? null : stamp / 1e6));
    service?.engines.scattered(this.#id, hex(ticket), stamps);
    return service === null ? CODE.closed : CODE.ok;
  }

  release(claim: number): Code {
    if (claim === 0) return CODE.ok;
    const service = this.#serving();
    service?.engines.release(this.#id, claim);
    return service === null ? CODE.closed : CODE.ok;
  }

  corrupt(slot: SlotRef): Code {
    const service = this.#serving();
    service?.engines.corrupt(slot.slot, slot.generation);
    return service === null ? CODE.closed : CODE.ok;
  }

  hangUp(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#service?.engines.ended(this.#id);
  }

  detach(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.hangUp();
    this.#service?.engines.gone(this.#id);
    this.#arena.clients.splice(this.#arena.clients.indexOf(this), 1);
    this.#tell();
  }

  end(): void {
    this.detach();
  }

  #serving(): Service | null {
    return this.#open ? this.#service : null;
  }

  #watch(id: string, { engines }: Service): void {
    this.#watched.set(id, null);
    const oldest = this.#watched.keys().next().value;
    if (this.#watched.size <= BOUNDS.watched || oldest === undefined) return;
    this.#watched.delete(oldest);
    engines.forget(this.#id, oldest);
  }

  #ref(slot: number, chunk: number, key: Uint8Array | undefined): SlotRef[] {
    const from = this.#arena.slots[slot];
    if (from === undefined || key === undefined) return [];
    return [{ slot, generation: from.generation, tokens: from.tokens, chunk, key }];
  }

  /** The slot in the arena, or why it may not be touched. */
  #find(ref: SlotRef): NonNullable<ReturnType<ModelArena['current']>> | Code {
    if (!this.#open) return CODE.closed;
    const slot = this.#arena.current(ref.slot, ref.generation);
    if (slot === null) return CODE.ended;
    const { geometry, space } = this.#attached;
    const same =
      sameGeometry(slot.geometry, geometry) &&
      slot.namespace === space &&
      slot.tokens === ref.tokens &&
      slot.key === hex(ref.key);
    return same ? slot : CODE.argument;
  }

  #gather(ref: SlotRef, layer: number, values: readonly string[]): Code {
    const { layers, heads } = this.#attached.geometry;
    if (layer >= layers) return CODE.argument;
    const slot = this.#find(ref);
    if (typeof slot === 'number') return slot;
    if (slot.state === 'sealed') return CODE.ended;
    for (let head = 0; head < heads; head++) {
      const stripe = layer * heads + head;
      // Gathered before the request was preempted, and perhaps on its way already.
      if (slot.filled[stripe]) continue;
      const value = values[head] ?? '';
      slot.values[stripe] = value;
      slot.digests[stripe] = digestOf(slot.key, layer, head, value);
      slot.filled[stripe] = true;
    }
    return CODE.ok;
  }
}
