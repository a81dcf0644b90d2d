// New inputs from old ones: bits and bytes, pieces moved and doubled, numbers, words of the target, two inputs crossed.
import type { Chance } from './chance.ts';

const NUMBERS = [
  '0', '-1', '1e999', '-0', '9007199254740993', '18446744073709551615', '1e-400', '2147483648', '0.1', '65536', '4294967296',
].map((text) => Buffer.from(text)); // prettier-ignore
const BYTES = [
  0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x27, 0x2c, 0x3a, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0xbf, 0xc0,
  0xed, 0xef, 0xff,
];
const PIECE_MAX = 64;

type Mutation = (input: Buffer, chance: Chance, words: readonly Buffer[], other: Buffer) => Buffer;

/** `input` with `count` bytes at `at` replaced. */
function spliced(input: Buffer, at: number, count: number, piece: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, at), piece, input.subarray(at + count)]);
}

const place = (input: Buffer, chance: Chance): number => chance.below(input.length + 1);

function piece(input: Buffer, chance: Chance): { at: number; count: number } {
  const at = place(input, chance);
  return { at, count: Math.min(1 + chance.below(PIECE_MAX), input.length - at) };
}

function changed(input: Buffer, chance: Chance, change: (byte: number) => number): Buffer {
  if (input.length === 0) return Buffer.of(change(0) & 0xff);
  const copy = Buffer.from(input);
  const at = chance.below(copy.length);
  copy[at] = change(copy[at] ?? 0) & 0xff;
  return copy;
}

const MUTATIONS: readonly Mutation[] = [
  (input, chance) => changed(input, chance, (byte) => byte ^ (1 << chance.below(8))),
  (input, chance) => changed(input, chance, () => chance.below(256)),
  (input, chance) => changed(input, chance, () => chance.pick(BYTES)),
  (input, chance) => changed(input, chance, (byte) => byte + chance.below(33) - 16),
  (input, chance) => spliced(input, place(input, chance), 0, Buffer.of(chance.pick(BYTES))),
  (input, chance, words) => spliced(input, place(input, chance), 0, chance.pick(words)),
  (input, chance, words) => {
    const word = chance.pick(words);
    return spliced(input, place(input, chance), word.length, word);
  },
  (input, chance) => spliced(input, place(input, chance), chance.below(4), chance.pick(NUMBERS)),
  (input, chance) => {
    const { at, count } = piece(input, chance);
    return spliced(input, at, count, Buffer.alloc(0));
  },
  (input, chance) => {
    const { at, count } = piece(input, chance);
    return spliced(input, place(input, chance), 0, input.subarray(at, at + count));
  },
  (input, chance) => {
    const { at, count } = piece(input, chance);
    const times = 1 + chance.below(40);
    return spliced(input, at, 0, Buffer.concat(Array<Buffer>(times).fill(input.subarray(at, at + count))));
  },
  (input, chance, _, other) => {
    const { at, count } = piece(other, chance);
    return spliced(input, place(input, chance), chance.below(count + 1), other.subarray(at, at + count));
  },
  (input, chance, _, other) =>
    Buffer.concat([input.subarray(0, place(input, chance)), other.subarray(place(other, chance))]),
];

export function mutate(
  input: Buffer,
  other: Buffer,
  words: readonly Buffer[],
  chance: Chance,
  bytesMax: number,
): Buffer {
  let out = input;
  for (let n = 1 + chance.below(4); n > 0; n--) out = chance.pick(MUTATIONS)(out, chance, words, other);
  return out.length > bytesMax ? out.subarray(0, bytesMax) : out;
}
