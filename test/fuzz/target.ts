// What a fuzz target is, and how its inputs are read.

export interface FuzzTarget {
  name: string;
  /** Files whose coverage guides the search, from the root. */
  covers: readonly string[];
  /** Pieces that inputs are likely to be made of. */
  words: readonly string[];
  bytesMax: number;
  /** Throws where a property does not hold. */
  run(input: Buffer): void;
}

/** A property of a target does not hold. */
export class Violation extends Error {}

export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Violation(what);
}

/** What `work` throws; null: nothing. */
export function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}
