// A node's shared memory and the directory of what stands in it (native/src/arena/store.cc, directory.cc, recover.cc).
// ModelArena is the file: it outlives the service. Store is one incarnation's hand on it.
import type { Geometry, Processes } from './contract.ts';
import { refusal, sameGeometry, slotBytes, stripesOf } from './geometry.ts';
import { BOUNDS } from './limits.ts';
import { Space } from './space.ts';

export const NO_SLOT = -1;

export type SlotState = 'free' | 'reserved' | 'filling' | 'sealed' | 'quiescing';

export interface Slot {
  state: SlotState;
  indexed: boolean;
  inherited: boolean; // not sealed when this incarnation took it over
  generation: number;
  tokens: number;
  pins: number;
  writer: number; // pid, 0 = the service
  key: string;
  namespace: string;
  geometry: Geometry;
  offset: number;
  bytes: number;
  fill: number;
  used: number; // rank of its last use
  values: string[]; // by stripe
  digests: string[];
  filled: boolean[];
}

export interface ChunkEvent {
  kind: 1 | 2; // stored, removed
  key: string;
  namespace: string;
  tokens: number;
}

const NO_GEOMETRY: Geometry = { layers: 0, heads: 0, planeBytes: [], chunkTokens: 0 };

function emptySlot(generation: number): Slot {
  return {
    state: 'free', indexed: false, inherited: false, generation, tokens: 0, pins: 0, writer: 0, key: '', namespace: '', geometry: NO_GEOMETRY,
    offset: 0, bytes: 0, fill: 0, used: 0, values: [], digests: [], filled: [],
  }; // prettier-ignore
}

const unsealed = ({ state }: Slot): boolean => state === 'reserved' || state === 'filling';
const evictable = (slot: Slot): boolean => slot.state === 'sealed' && slot.indexed && slot.pins === 0;

/** An engine's end of a session, as libbaton knows those of its process (native/src/capi/lives.cc). */
export interface ArenaClient {
  readonly pid: number;
  readonly incarnation: bigint;
  /** Nothing in this process is of an earlier life of the service. */
  sayQuiesced(): void;
}

export class ModelArena {
  readonly bytes: number;
  readonly processes: Processes;
  readonly slots: Slot[];
  incarnation = 0n;
  locked = false; // by a live service
  /** Engines that have attached to it and have not let go, in whatever life of the service. */
  readonly clients: ArenaClient[] = [];

  constructor(bytes: number, slotsMax: number, processes: Processes) {
    this.bytes = bytes;
    this.processes = processes;
    this.slots = Array.from({ length: slotsMax }, () => emptySlot(0));
  }

  /** The slot, if this generation of it may be touched by who was given it. */
  current(id: number, generation: number): Slot | null {
    const slot = this.slots[id];
    if (slot === undefined || slot.generation !== generation) return null;
    return slot.state === 'free' || slot.state === 'quiescing' ? null : slot;
  }

  /** Whether the arena holds this key sealed, as the shared index says. */
  holds(key: string): boolean {
    return this.slots.some((slot) => slot.state === 'sealed' && slot.indexed && slot.key === key);
  }
}

export interface ArenaStats {
  bytes_total: number;
  bytes_used: number;
  bytes_pinned: number;
  bytes_sealed: number;
  slots_used: number;
  pins: number;
  quiescing: number;
  evictions: number;
  double_seals: number;
}

export class Store {
  readonly #arena: ModelArena;
  readonly #space: Space;
  readonly #directory = new Map<string, number>();
  #free: number[] = [];
  #quiescing: number[] = [];
  #events: ChunkEvent[] = [];
  #lost = false;
  #uses = 0;
  #evictions = 0;
  #doubleSeals = 0;

  constructor(arena: ModelArena) {
    if (arena.locked) throw new Error('the arena is in use by another live transfer service');
    arena.locked = true;
    arena.incarnation++;
    this.#arena = arena;
    this.#space = new Space(arena.bytes, arena.slots.length);
    this.#recover();
  }

  /** The incarnation ends, however it does. */
  unlock(): void {
    this.#arena.locked = false;
  }

  get arena(): ModelArena {
    return this.#arena;
  }

  reserve(
    key: string,
    namespace: string,
    geometry: Geometry,
    tokens: number,
    fill: number,
    writer: number,
  ): number {
    if (refusal(geometry) !== null || tokens < 1 || tokens > geometry.chunkTokens) return NO_SLOT;
    const bytes = slotBytes(geometry, tokens);
    if (!this.#space.hasHole(bytes)) this.reap();
    const evicted: number[] = [];
    const offset = this.#space.allocate(bytes, evicted);
    for (const victim of evicted) this.#endEvicted(victim);
    this.#evictions += evicted.length;
    const id = offset === null ? undefined : this.#free.pop();
    if (offset === null || id === undefined) return NO_SLOT;
    this.#space.name(offset, id);
    const stripes = stripesOf(geometry);
    this.#arena.slots[id] = {
      ...emptySlot(this.slot(id).generation + 1),
      state: 'reserved', tokens, pins: 1, writer, key, namespace, geometry, offset, bytes, fill,
      values: Array<string>(stripes).fill(''), digests: Array<string>(stripes).fill(''), filled: Array<boolean>(stripes).fill(false),
    }; // prettier-ignore
    return id;
  }

  fits(geometry: Geometry, tokens: readonly number[]): boolean {
    if (tokens.some((n) => n < 1 || n > geometry.chunkTokens)) return false;
    const sizes = tokens.map((n) => slotBytes(geometry, n));
    if (this.#space.fitsHoles(sizes)) return true;
    const space = this.#space.copy();
    let reaped = false;
    return sizes.every((bytes) => {
      if (!reaped && !space.hasHole(bytes)) {
        reaped = true;
        for (const id of this.#quiescing) {
          const slot = this.slot(id);
          if (slot.writer > 0 && !this.#lives(slot.writer)) space.release(slot.offset);
        }
      }
      return space.allocate(bytes, []) !== null;
    });
  }

  filling(id: number): void {
    const slot = this.get(id);
    if (slot?.state === 'reserved') slot.state = 'filling';
  }

  seal(id: number): boolean {
    const slot = this.get(id);
    if (slot === null || !unsealed(slot)) return false;
    slot.used = ++this.#uses;
    slot.writer = 0;
    slot.indexed = !this.#directory.has(slot.key);
    if (!slot.indexed) this.#doubleSeals++;
    slot.state = 'sealed';
    if (slot.indexed) {
      this.#directory.set(slot.key, id);
      this.#tell(1, slot);
    }
    return slot.indexed;
  }

  abandon(id: number, writerMayWrite: boolean): void {
    const slot = this.get(id);
    if (slot === null || !unsealed(slot)) return;
    slot.pins = 0;
    if (writerMayWrite && (slot.writer <= 0 || this.#lives(slot.writer))) {
      slot.state = 'quiescing';
      this.#quiescing.push(id);
    } else {
      this.#end(id);
    }
  }

  quiesced(id: number): void {
    if (this.get(id)?.state !== 'quiescing') return;
    this.#quiescing = this.#quiescing.filter((other) => other !== id);
    this.#end(id);
  }

  reap(): void {
    for (const id of [...this.#quiescing]) {
      const { writer } = this.slot(id);
      if (writer > 0 && !this.#lives(writer)) this.quiesced(id);
    }
  }

  /** A process writes no more to slots that an earlier incarnation gave it. */
  confirmed(pid: number): void {
    for (const id of [...this.#quiescing]) {
      const { inherited, writer } = this.slot(id);
      if (inherited && writer === pid) this.quiesced(id);
    }
  }

  find(key: string): number {
    const id = this.#directory.get(key);
    if (id === undefined) return NO_SLOT;
    this.#touch(id);
    return id;
  }

  pin(id: number): void {
    const slot = this.get(id);
    if (slot === null || slot.state === 'quiescing') return;
    if (slot.pins++ === 0) this.#space.rank(slot.offset, 0);
  }

  unpin(id: number): void {
    const slot = this.get(id);
    if (slot === null || slot.pins === 0) return;
    if (slot.pins > 1) {
      slot.pins--;
      return;
    }
    if (unsealed(slot)) {
      this.abandon(id, slot.writer > 0);
      return;
    }
    slot.pins = 0;
    if (slot.indexed) this.#touch(id);
    else this.#end(id);
  }

  drop(id: number): void {
    const slot = this.get(id);
    if (slot?.state !== 'sealed') return;
    if (slot.indexed) {
      this.#space.rank(slot.offset, 0);
      this.#unindex(slot);
    }
    if (slot.pins === 0) this.#end(id);
  }

  /** The slot whatever its state; get(): one that is not free. */
  slot(id: number): Slot {
    const slot = this.#arena.slots[id];
    if (slot === undefined) throw new Error(`there is no slot ${id}`);
    return slot;
  }

  get(id: number): Slot | null {
    const slot = this.#arena.slots[id];
    return slot === undefined || slot.state === 'free' ? null : slot;
  }

  stale(id: number, generation: number): boolean {
    return this.get(id)?.generation !== generation;
  }

  setFilled(id: number, first: number, count: number): void {
    this.get(id)?.filled.fill(true, first, first + count);
  }

  takeEvents(): { events: ChunkEvent[]; lost: boolean } {
    const taken = { events: this.#events, lost: this.#lost };
    this.#events = [];
    this.#lost = false;
    return taken;
  }

  list(): ChunkEvent[] {
    return this.#arena.slots
      .filter(({ state, indexed }) => state === 'sealed' && indexed)
      .map(({ key, namespace, tokens }) => ({ kind: 1, key, namespace, tokens }));
  }

  stats(): ArenaStats {
    const used = this.#arena.slots.filter(({ state }) => state !== 'free');
    const sum = (slots: readonly Slot[]): number => slots.reduce((bytes, slot) => bytes + slot.bytes, 0);
    return {
      bytes_total: this.#arena.bytes,
      bytes_used: this.#arena.bytes - this.#space.freeBytes,
      bytes_pinned: sum(used.filter(({ pins }) => pins > 0)),
      bytes_sealed: sum(used.filter(({ state }) => state === 'sealed')),
      slots_used: this.#space.count,
      pins: used.reduce((pins, slot) => pins + slot.pins, 0),
      quiescing: this.#quiescing.length,
      evictions: this.#evictions,
      double_seals: this.#doubleSeals,
    };
  }

  get quiescing(): number {
    return this.#quiescing.length;
  }

  /** The sealed slot of this key, if it is of this namespace and geometry and has so many tokens (0: any number). */
  held(key: string, namespace: string, geometry: Geometry, tokens: number): number {
    const id = this.find(key);
    if (id === NO_SLOT) return NO_SLOT;
    const slot = this.slot(id);
    const same = slot.namespace === namespace && sameGeometry(slot.geometry, geometry);
    return same && (tokens === 0 || slot.tokens === tokens) ? id : NO_SLOT;
  }

  #recover(): void {
    const found = this.#arena.slots.map((_, id) => id).filter((id) => this.slot(id).state !== 'free');
    const waits = (id: number): number => (this.slot(id).state === 'sealed' ? 1 : 0);
    found.sort((a, b) => waits(a) - waits(b) || this.slot(b).used - this.slot(a).used);
    for (const id of found) if (!this.#adopt(id)) this.slot(id).state = 'free';
    for (let id = this.#arena.slots.length - 1; id >= 0; id--) {
      if (this.slot(id).state !== 'free') continue;
      this.#arena.slots[id] = emptySlot(this.slot(id).generation);
      this.#free.push(id);
    }
  }

  #adopt(id: number): boolean {
    const slot = this.slot(id);
    slot.pins = 0;
    if (slot.state === 'sealed') {
      const kept = slot.indexed && !this.#directory.has(slot.key);
      if (!kept || !this.#space.take(id, slot.offset, slot.bytes)) return false;
      this.#directory.set(slot.key, id);
      this.#lost = true;
      this.#uses = Math.max(this.#uses, slot.used);
      slot.used = Math.max(slot.used, 1);
      this.#space.rank(slot.offset, slot.used);
      return true;
    }
    if (!this.#lives(slot.writer) || !this.#space.take(id, slot.offset, slot.bytes)) return false;
    slot.state = 'quiescing';
    slot.indexed = false;
    slot.inherited = true;
    this.#quiescing.push(id);
    return true;
  }

  #lives(pid: number): boolean {
    return pid > 0 && this.#arena.processes.alive(pid);
  }

  #touch(id: number): void {
    const slot = this.slot(id);
    slot.used = ++this.#uses;
    if (evictable(slot)) this.#space.rank(slot.offset, slot.used);
  }

  #end(id: number): void {
    this.#space.release(this.slot(id).offset);
    this.#endEvicted(id);
  }

  #endEvicted(id: number): void {
    const slot = this.slot(id);
    if (slot.indexed) this.#unindex(slot);
    slot.state = 'free';
    slot.pins = 0;
    this.#free.push(id);
  }

  #unindex(slot: Slot): void {
    this.#directory.delete(slot.key);
    slot.indexed = false;
    this.#tell(2, slot);
  }

  #tell(kind: 1 | 2, { key, namespace, tokens }: Slot): void {
    if (this.#lost) return;
    if (this.#events.length < BOUNDS.events) {
      this.#events.push({ kind, key, namespace, tokens });
      return;
    }
    this.#events = [];
    this.#lost = true;
  }
}
