// Reaching into a service's arena file (docs/wire.md §Arena): what a bad memory cell would do.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const RECORD_BYTES = 192;
const SEALED = 2 + 1;

interface Payload {
  tokens: number;
  at: number;
  bytes: number;
}

const read = (file: number, at: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  readSync(file, buffer, 0, bytes, at);
  return buffer;
};

/** Where the payload of every sealed slot stands. */
function sealedPayloads(file: number): Payload[] {
  const superblock = read(file, 0, 88);
  const slots = superblock.readUInt32LE(12);
  const records = Number(superblock.readBigUInt64LE(40));
  return Array.from({ length: slots }, (_, slot) =>
    read(file, records + slot * RECORD_BYTES, RECORD_BYTES),
  ).flatMap((record) => {
    if (record.readUInt32LE(0) !== SEALED) return [];
    const [layers, heads, planes] = [0, 4, 8].map((at) => record.readUInt32LE(72 + at)) as [
      number,
      number,
      number,
    ];
    const perToken = Array.from({ length: planes }, (_, p) => record.readUInt32LE(84 + 4 * p)).reduce(
      (a, b) => a + b,
      0,
    );
    const stripes = layers * heads;
    const header = Math.ceil((stripes * 16 + Math.ceil(stripes / 64) * 8) / 4096) * 4096;
    const at = Number(record.readBigUInt64LE(120)) + header;
    const tokens = record.readUInt32LE(104);
    return [{ tokens, at, bytes: stripes * perToken * tokens }];
  });
}

function change(
  path: string,
  wanted: (payload: Payload) => boolean,
  how: (file: number, payload: Payload) => void,
): number {
  const file = openSync(path, 'r+');
  try {
    const payloads = sealedPayloads(file).filter(wanted);
    for (const payload of payloads) how(file, payload);
    return payloads.length;
  } finally {
    closeSync(file);
  }
}

/** Flips one bit in the middle of the payload of every sealed slot; how many there were. */
export function flipBitInSealedSlots(path: string): number {
  return change(
    path,
    () => true,
    (file, { at, bytes }) => {
      const middle = at + Math.floor(bytes / 2);
      const byte = read(file, middle, 1);
      byte.writeUInt8(byte.readUInt8(0) ^ 0x10);
      writeSync(file, byte, 0, 1, middle);
    },
  );
}

/** Empties the payload of every sealed slot of so many tokens, as if its pages had never come; how many there were. */
export function emptySealedSlots(path: string, tokens: number): number {
  return change(
    path,
    (payload) => payload.tokens === tokens,
    (file, { at, bytes }) => {
      writeSync(file, Buffer.alloc(bytes), 0, bytes, at);
    },
  );
}
