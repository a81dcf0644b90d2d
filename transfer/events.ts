// Cache events on their way to routers: hints, folded so that the last word on a key counts.
import { KEY_BYTES, hex, keyAt } from '#core/ids.ts';
import { LIMITS } from '#core/limits.ts';
import type { Chunks } from '#proto/gen/baton/v1/transfer.ts';
import type { NativeChunkEvents } from './native.ts';

const STORED = 1;

/** One message of a batch of events, or null when nothing is in it. A key named several times keeps its last event. */
export function changeOf(events: NativeChunkEvents): Chunks | null {
  if (events.kinds.length === 0) return null;
  const last = new Map<string, number>();
  events.kinds.forEach((_, i) => last.set(hex(keyAt(events.keys, i)), i));
  const stored: Uint8Array[] = [];
  const removed: Uint8Array[] = [];
  for (const i of last.values()) (events.kinds[i] === STORED ? stored : removed).push(keyAt(events.keys, i));
  return { relist: false, stored: Buffer.concat(stored), removed: Buffer.concat(removed) };
}

/** All keys as messages of a bounded size; the first one says that what was known before is void. */
export function listing(events: NativeChunkEvents): [Chunks, ...Chunks[]] {
  const page = (at: number, relist: boolean): Chunks => ({
    relist,
    stored: Buffer.from(events.keys.subarray(at * KEY_BYTES, (at + LIMITS.listedKeysMax) * KEY_BYTES)),
    removed: Buffer.alloc(0),
  });
  const pages: [Chunks, ...Chunks[]] = [page(0, true)];
  for (let at = LIMITS.listedKeysMax; at * KEY_BYTES < events.keys.length; at += LIMITS.listedKeysMax)
    pages.push(page(at, false));
  return pages;
}
