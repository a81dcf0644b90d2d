// Ids of requests: 128 random bits in hex, drawn in batches because one system call per request costs more than the rest.
import type { Random } from '#core/random.ts';

const BYTES = 16;
const BATCH = 256;

export function createRequestIds(random: Random): () => string {
  let batch = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at === batch.length) {
      batch = Buffer.from(random.bytes(BYTES * BATCH));
      at = 0;
    }
    at += BYTES;
    return batch.toString('hex', at - BYTES, at);
  };
}
