// Reaching into a service's arena file (docs/wire.md §Arena): what a bad memory cell would do.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const RECORD_BYTES = 192;
const SEALED = 2 + 1;

/** Flips one bit in the middle of the payload of every sealed slot; how many there were. */
export function flipBitInSealedSlots(path: string): number {
  const file = openSync(path, 'r+');
  try {
    const read = (at: number, bytes: number): Buffer => {
      const buffer = Buffer.alloc(bytes);
      readSync(file, buffer, 0, bytes, at);
      return buffer;
    };
    const superblock = read(0, 88);
    const slots = superblock.readUInt32LE(12);
    const records = Number(superblock.readBigUInt64LE(40));
    let flipped = 0;
    for (let slot = 0; slot < slots; slot++) {
      const record = read(records + slot * RECORD_BYTES, RECORD_BYTES);
      if (record.readUInt32LE(0) !== SEALED) continue;
      const [layers, heads, planes] = [0, 4, 8].map((at) => record.readUInt32LE(72 + at)) as [
        number,
        number,
        number,
      ];
      const perToken = Array.from({ length: planes }, (_, p) => record.readUInt32LE(84 + 4 * p)).reduce(
        (a, b) => a + b,
        0,
      );
      const payloadBytes = layers * heads * perToken * record.readUInt32LE(104);
      const offset = Number(record.readBigUInt64LE(120));
      const stripes = layers * heads;
      const header = Math.ceil((stripes * 16 + Math.ceil(stripes / 64) * 8) / 4096) * 4096;
      const at = offset + header + Math.floor(payloadBytes / 2);
      const byte = read(at, 1);
      byte.writeUInt8(byte.readUInt8(0) ^ 0x10);
      writeSync(file, byte, 0, 1, at);
      flipped++;
    }
    return flipped;
  } finally {
    closeSync(file);
  }
}
