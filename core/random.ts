// Randomness as an argument: secrets and ids from the system, everything else from a seed.
import { randomBytes } from 'node:crypto';

export interface Random {
  /** `n` random bytes. */
  bytes(n: number): Uint8Array;
  /** Uniform in [0, 1). */
  unit(): number;
}

export const systemRandom: Random = { bytes: (n) => randomBytes(n), unit: () => Math.random() };

/** A replayable source for tests and simulation (xorshift128+ seeded by splitmix64); never for secrets. */
export function seededRandom(seed: number): Random {
  const mask = (1n << 64n) - 1n;
  let state = BigInt(seed) & mask;
  const split = (): bigint => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
  let a = split();
  let b = split();
  const next = (): bigint => {
    let t = a;
    a = b;
    t ^= (t << 23n) & mask;
    t ^= t >> 17n;
    t ^= b ^ (b >> 26n);
    b = t;
    return (a + b) & mask;
  };
  return {
    bytes(n) {
      const out = new Uint8Array(n);
      for (let i = 0; i < n; i++) out[i] = Number(next() >> 56n);
      return out;
    },
    unit: () => Number(next() >> 11n) / 2 ** 53,
  };
}
