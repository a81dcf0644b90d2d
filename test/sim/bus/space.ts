// Chunk memory (native/src/arena/space.cc, extents.cc): which slot uses which extent, and which slots give way when there is
// no hole. copy() answers "would all of these fit?" by doing it.
import { BOUNDS } from './limits.ts';

interface Use {
  slot: number;
  bytes: number;
  rank: number; // of its last use when it may be evicted, 0 = must stay
}

interface Segment {
  offset: number;
  bytes: number;
  rank: number; // 0: a hole
}

export class Space {
  readonly #bytes: number;
  readonly #slotsMax: number;
  #uses = new Map<number, Use>(); // by offset

  constructor(bytes: number, slotsMax: number) {
    this.#bytes = bytes;
    this.#slotsMax = slotsMax;
  }

  copy(): Space {
    const copy = new Space(this.#bytes, this.#slotsMax);
    for (const [offset, use] of this.#uses) copy.#uses.set(offset, { ...use });
    return copy;
  }

  get count(): number {
    return this.#uses.size;
  }

  get freeBytes(): number {
    return this.#holes().reduce((sum, { bytes }) => sum + bytes, 0);
  }

  hasHole(bytes: number): boolean {
    return this.#uses.size < this.#slotsMax && this.#holes().some((hole) => hole.bytes >= bytes);
  }

  /** Whether all of these fit into the holes alone. */
  fitsHoles(sizes: readonly number[]): boolean {
    if (this.#uses.size + sizes.length > this.#slotsMax) return false;
    const copy = this.copy();
    return sizes.every((bytes) => {
      const offset = copy.#bestFit(bytes);
      if (offset !== null) copy.#uses.set(offset, { slot: -1, bytes, rank: 0 });
      return offset !== null;
    });
  }

  allocate(bytes: number, evicted: number[]): number | null {
    if (bytes > this.#bytes) return null;
    if (this.#uses.size >= this.#slotsMax) {
      const first = this.#evictable()[0];
      if (first === undefined) return null;
      this.#evict(first, evicted);
    }
    let offset = this.#bestFit(bytes);
    if (offset === null && (this.#evictOneBesideAHole(bytes, evicted) || this.#evictWindow(bytes, evicted))) {
      offset = this.#bestFit(bytes);
    }
    if (offset !== null) this.#uses.set(offset, { slot: -1, bytes, rank: 0 });
    return offset;
  }

  name(offset: number, slot: number): void {
    this.#use(offset).slot = slot;
  }

  take(slot: number, offset: number, bytes: number): boolean {
    const fits = this.#holes().some(
      (hole) => hole.offset <= offset && offset + bytes <= hole.offset + hole.bytes,
    );
    if (fits) this.#uses.set(offset, { slot, bytes, rank: 0 });
    return fits;
  }

  release(offset: number): void {
    this.#uses.delete(offset);
  }

  rank(offset: number, rank: number): void {
    this.#use(offset).rank = rank;
  }

  #use(offset: number): Use {
    const use = this.#uses.get(offset);
    if (use === undefined) throw new Error(`no slot stands at ${offset}`);
    return use;
  }

  #sorted(): [number, Use][] {
    return [...this.#uses].sort(([a], [b]) => a - b);
  }

  #segments(): Segment[] {
    const segments: Segment[] = [];
    let at = 0;
    for (const [offset, { bytes, rank }] of this.#sorted()) {
      if (offset > at) segments.push({ offset: at, bytes: offset - at, rank: 0 });
      segments.push({ offset, bytes, rank: rank === 0 ? -1 : rank });
      at = offset + bytes;
    }
    if (at < this.#bytes) segments.push({ offset: at, bytes: this.#bytes - at, rank: 0 });
    return segments;
  }

  #holes(): Segment[] {
    return this.#segments().filter(({ rank }) => rank === 0);
  }

  /** The smallest hole that is large enough, lowest of equals. */
  #bestFit(bytes: number): number | null {
    let best: Segment | null = null;
    for (const hole of this.#holes()) {
      if (hole.bytes >= bytes && (best === null || hole.bytes < best.bytes)) best = hole;
    }
    return best?.offset ?? null;
  }

  /** Offsets, least recently used first. */
  #evictable(): number[] {
    return [...this.#uses]
      .filter(([, { rank }]) => rank !== 0)
      .sort(([a, x], [b, y]) => x.rank - y.rank || a - b)
      .map(([offset]) => offset);
  }

  #evict(offset: number, evicted: number[]): void {
    evicted.push(this.#use(offset).slot);
    this.release(offset);
  }

  #evictOneBesideAHole(bytes: number, evicted: number[]): boolean {
    const segments = this.#segments();
    for (const offset of this.#evictable().slice(0, BOUNDS.evictionCandidates)) {
      const at = segments.findIndex((segment) => segment.offset === offset);
      const beside = (i: number): number => (segments[i]?.rank === 0 ? segments[i].bytes : 0);
      if ((segments[at]?.bytes ?? 0) + beside(at - 1) + beside(at + 1) < bytes) continue;
      this.#evict(offset, evicted);
      return true;
    }
    return false;
  }

  /** Among all neighbouring slots and holes that together are large enough, those whose most recent use is oldest; of
   * equals, the fewest; of those, the first. */
  #evictWindow(bytes: number, evicted: number[]): boolean {
    const segments = this.#segments();
    let best: { recent: number; used: number; victims: Segment[] } | null = null;
    for (let end = 0; end < segments.length; end++) {
      let sum = 0;
      const window: Segment[] = [];
      for (let i = end; i >= 0 && sum < bytes; i--) {
        const segment = segments[i];
        if (segment === undefined || segment.rank < 0) break;
        window.push(segment);
        sum += segment.bytes;
      }
      if (sum < bytes) continue;
      const recent = Math.max(...window.map(({ rank }) => rank));
      const victims = window.filter(({ rank }) => rank !== 0);
      const used = victims.length;
      if (best === null || recent < best.recent || (recent === best.recent && used < best.used)) {
        best = { recent, used, victims };
      }
    }
    if (best === null) return false;
    for (const { offset } of best.victims.sort((a, b) => a.rank - b.rank)) this.#evict(offset, evicted);
    return true;
  }
}
