// Ids of requests and tickets: 128 random bits each, drawn in batches, because a system call for each costs more than the
// rest of it.
import { hex, TICKET_BYTES } from '#core/ids.ts';
import type { Random } from '#core/random.ts';

const BATCH = 256;

/** Gives 16 random bytes at each call. */
export function createIds(random: Random): () => Uint8Array {
  let batch: Uint8Array = new Uint8Array(0);
  let at = 0;
  return () => {
    if (at === batch.length) {
      batch = random.bytes(TICKET_BYTES * BATCH);
      at = 0;
    }
    at += TICKET_BYTES;
    return batch.subarray(at - TICKET_BYTES, at);
  };
}

/** The same as text. */
export function createRequestIds(random: Random): () => string {
  const next = createIds(random);
  return () => hex(next());
}
