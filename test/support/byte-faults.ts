// Changes that a fault proxy (fault-proxy.ts) makes to the bytes of a connection.
import type { Way } from './fault-proxy.ts';

/** Flips one bit in the byte that is the `at`-th of this way from now on; once. */
export function flipOneBit(way: Way, at: number): (bytes: Buffer, way: Way) => Buffer[] {
  let seen = 0;
  return (bytes, on) => {
    if (on !== way) return [bytes];
    const offset = at - seen;
    seen += bytes.length;
    if (offset < 0 || offset >= bytes.length) return [bytes];
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(offset) ^ 1, offset);
    return [copy];
  };
}

/** Lets so many bytes of this way pass from now on, then resets the connection that carried the last of them. */
export function cutAfter(way: Way, bytesMax: number): (bytes: Buffer, way: Way) => (Buffer | null)[] {
  let left = bytesMax;
  return (bytes, on) => {
    if (on !== way) return [bytes];
    const passes = bytes.subarray(0, left);
    left -= passes.length;
    return passes.length < bytes.length ? [passes, null] : [passes];
  };
}

/** Sends the first two pieces of this way that come from now on in the other order; once. */
export function swapOnce(way: Way): (bytes: Buffer, way: Way) => Buffer[] {
  let held: Buffer | null = null;
  let done = false;
  return (bytes, on) => {
    if (on !== way || done) return [bytes];
    if (held === null) {
      held = bytes;
      return [];
    }
    done = true;
    return [bytes, held];
  };
}
