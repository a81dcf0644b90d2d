// When a decode engine will have room: what is free now, and what its requests give back as they are expected to end.

/** Room that a decode engine was promised to keep for one request. */
export interface Promised {
  /** When the request is expected to have ended, ms of the router's clock; Infinity: nothing is known of the engine's pace. */
  endsAt: number;
  readonly tokens: number;
  readonly sequences: number;
}

export interface RoomView {
  /** The whole KV room, tokens. */
  readonly kvTokens: number;
  /** What nobody was promised; below nothing where room was promised ahead of its being free. */
  readonly freeTokens: number;
  readonly freeSequences: number;
  /** By the time of their ends. */
  readonly promised: readonly Promised[];
}

/**
 * Milliseconds until so many tokens and sequences are free beside all that was promised before; 0: now, Infinity: it cannot be
 * foreseen. Who should have ended and has not is taken to need as long again as it is late.
 */
export function roomInMs(engine: RoomView, now: number, tokens: number, sequences: number): number {
  let lackingTokens = tokens - engine.freeTokens;
  let lackingSequences = sequences - engine.freeSequences;
  if (lackingTokens <= 0 && lackingSequences <= 0) return 0;
  if (tokens > engine.kvTokens) return Infinity;
  const { promised } = engine;
  // Two rows of ends: the due ones forwards from now, the overdue ones backwards.
  let due = firstAfter(promised, now);
  let overdue = due - 1;
  for (;;) {
    const inMs = (promised[due]?.endsAt ?? Infinity) - now;
    const againMs = now - (promised[overdue]?.endsAt ?? -Infinity);
    const ms = Math.min(inMs, againMs);
    if (ms === Infinity) return Infinity;
    const ended = promised[againMs <= inMs ? overdue-- : due++];
    lackingTokens -= ended?.tokens ?? 0;
    lackingSequences -= ended?.sequences ?? 0;
    if (lackingTokens <= 0 && lackingSequences <= 0) return ms;
  }
}

/** What one engine has promised, by the time of its end. */
export class PromisedRoom {
  private readonly list: Promised[] = [];
  tokens = 0;
  sequences = 0;

  /** In order. */
  get all(): readonly Promised[] {
    return this.list;
  }

  add(promised: Promised): void {
    this.list.splice(firstAfter(this.list, promised.endsAt), 0, promised);
    this.tokens += promised.tokens;
    this.sequences += promised.sequences;
  }

  remove(promised: Promised): void {
    let at = firstAfter(this.list, promised.endsAt) - 1;
    while (at >= 0 && this.list[at] !== promised) at--;
    if (at < 0) throw new Error('room was given back that was not promised');
    this.list.splice(at, 1);
    this.tokens -= promised.tokens;
    this.sequences -= promised.sequences;
  }

  /** Its end is expected at another time. */
  move(promised: Promised, endsAt: number): void {
    this.remove(promised);
    promised.endsAt = endsAt;
    this.add(promised);
  }
}

/** Index of the first that ends later than `at`. */
function firstAfter(list: readonly Promised[], at: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle]?.endsAt ?? Infinity) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
