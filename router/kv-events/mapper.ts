// One cache's events put into the index: engine hashes become our keys through the tokens that come with them.
import type { ChunkIndex } from '../index/index.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import { blockKey, blockRoot } from './blocks.ts';
import type { BlockHash, BlocksStored, KvEvent } from './decode.ts';

// Kinds of attention whose blocks stand for a whole prefix; a sliding window's do not.
const WHOLE_PREFIX: ReadonlySet<string> = new Set(['', 'full_attention', 'mla_attention']);

export class Mapper {
  private readonly model: string;
  private readonly holder: string;
  private readonly index: ChunkIndex;
  private readonly keys = new Map<BlockHash, Uint8Array>();
  /** The KV-cache group that is indexed: the first one seen; another tells the same blocks again. */
  private group: number | null = null;
  /** Tokens of a block; null: no block was told yet. */
  blockTokens: number | null = null;
  /** Blocks that could not be named: their parent is not known. */
  orphans = 0;

  constructor(model: string, holder: string, index: ChunkIndex) {
    this.model = model;
    this.holder = holder;
    this.index = index;
  }

  get size(): number {
    return this.keys.size;
  }

  apply(event: KvEvent): void {
    if (event.kind === 'cleared') this.clear();
    else if (event.kind === 'stored') this.stored(event);
    else if (
      event.kind === 'removed' &&
      event.medium === 'GPU' &&
      event.group === (this.group ?? event.group)
    ) {
      for (const hash of event.hashes) {
        const key = this.keys.get(hash);
        if (key === undefined) continue;
        this.keys.delete(hash);
        this.index.removed(this.holder, key);
      }
    }
  }

  /** Nothing is known of this cache any more. */
  clear(): void {
    this.keys.clear();
    this.index.clear(this.holder);
  }

  private stored(event: BlocksStored): void {
    const { hashes, parent, tokens, extras, adapter, group, spec } = event;
    // An adapter changes KV: without extras nothing tells which one it was.
    if (event.medium !== 'GPU' || !WHOLE_PREFIX.has(spec) || (adapter && extras === null)) return;
    if (group !== (this.group ??= group)) return;
    if (event.blockTokens !== this.blockTokens) {
      // Another size is another cache.
      if (this.blockTokens !== null) this.clear();
      this.blockTokens = event.blockTokens;
    }
    let previous: Uint8Array | undefined =
      parent === null ? blockRoot(this.model, event.blockTokens, extras?.[0] ?? '') : this.keys.get(parent);
    if (previous === undefined) {
      this.orphans += hashes.length;
      return;
    }
    if (this.keys.size + hashes.length > ROUTER_LIMITS.cacheBlocksMax) this.clear();
    for (const [i, hash] of hashes.entries()) {
      const ids = tokens.subarray(i * event.blockTokens, (i + 1) * event.blockTokens);
      const extra = parent === null && i === 0 ? '' : (extras?.[i] ?? '');
      previous = blockKey(previous, ids, extra);
      this.keys.set(hash, previous);
      this.index.stored(this.holder, previous);
    }
  }
}
