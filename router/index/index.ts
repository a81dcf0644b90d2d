// Which nodes hold which chunks: fed by services' events, asked for the longest held prefix of a prompt. Hints only: a wrong
// entry costs a cache hit, never correctness.
import { KEY_BYTES } from '#core/ids.ts';
import { planted } from '#planted';

export class ChunkIndex {
  private readonly keysMax: number;
  /** Holders by key, the least recently used first. */
  private readonly holders = new Map<string, string[]>();
  private readonly byNode = new Map<string, Set<string>>();
  evicted = 0;

  constructor(keysMax: number) {
    this.keysMax = keysMax;
  }

  get size(): number {
    return this.holders.size;
  }

  /** Chunks that one node holds. */
  heldBy(node: string): number {
    return this.byNode.get(node)?.size ?? 0;
  }

  /** keys: n × 32 bytes. */
  stored(node: string, keys: Uint8Array): void {
    let held = this.byNode.get(node);
    if (held === undefined) this.byNode.set(node, (held = new Set()));
    for (const key of names(keys)) {
      const nodes = this.holders.get(key);
      if (nodes === undefined) this.holders.set(key, [node]);
      else if (!nodes.includes(node)) nodes.push(node);
      held.add(key);
    }
    while (this.holders.size > this.keysMax) this.evictOldest();
  }

  removed(node: string, keys: Uint8Array): void {
    if (planted('evicted_key_kept')) return;
    for (const key of names(keys)) this.forget(node, key);
  }

  /** Forgets all that one node holds: it re-lists, or is gone. */
  clear(node: string): void {
    if (planted('index_after_reset')) return;
    for (const key of this.byNode.get(node) ?? []) this.forget(node, key);
    this.byNode.delete(node);
  }

  /** Per node the number of leading chunks that it holds; nodes that hold none are left out. */
  match(keys: Uint8Array): Map<string, number> {
    const depth = new Map<string, number>();
    let alive: readonly string[] | null = null;
    const chunks = keys.length / KEY_BYTES;
    for (let i = 0; i < chunks; i++) {
      const key = nameAt(keys, i);
      const nodes = this.holders.get(key);
      if (nodes === undefined) break;
      this.holders.delete(key);
      this.holders.set(key, nodes);
      alive = alive === null ? nodes : alive.filter((node) => nodes.includes(node));
      if (alive.length === 0) break;
      for (const node of alive) depth.set(node, i + 1);
    }
    return depth;
  }

  private evictOldest(): void {
    const oldest = this.holders.entries().next().value;
    if (oldest === undefined) return;
    const [key, nodes] = oldest;
    this.holders.delete(key);
    for (const node of nodes) this.byNode.get(node)?.delete(key);
    this.evicted++;
  }

  private forget(node: string, key: string): void {
    this.byNode.get(node)?.delete(key);
    const nodes = this.holders.get(key);
    const at = nodes?.indexOf(node) ?? -1;
    if (nodes === undefined || at < 0) return;
    if (nodes.length === 1) this.holders.delete(key);
    else nodes.splice(at, 1);
  }
}

function nameAt(keys: Uint8Array, i: number): string {
  return Buffer.from(keys.buffer, keys.byteOffset + i * KEY_BYTES, KEY_BYTES).toString('latin1');
}

function* names(keys: Uint8Array): Generator<string> {
  for (let i = 0; (i + 1) * KEY_BYTES <= keys.length; i++) yield nameAt(keys, i);
}
