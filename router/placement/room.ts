// When a decode engine will have room: what is free now, and what its requests give back as they are expected to end.

/** Room that a decode engine was promised to keep for one request. */
export interface Promised {
  readonly tokens: number;
  readonly sequences: number;
  /** From when on it waits for its room, probably: when its prompt has been computed elsewhere. Ms of the router's clock. */
  readonly readyAt: number;
  /** How long it will probably have its room; Infinity: nothing is known of the engine's pace. */
  readonly holdsMs: number;
  /** When it should have its room. */
  readonly latestAt: number;
  /** Once it has its room: when it will probably have ended. */
  endsAt: number | null;
}

export interface RoomView {
  /** The whole KV room, tokens. */
  readonly kvTokens: number;
  /** What nobody was promised; below nothing where room was promised ahead of its being free. */
  readonly freeTokens: number;
  readonly freeSequences: number;
  readonly promised: PromisedView;
}

export interface PromisedView {
  /** Those that have their room, by the time of their ends. */
  readonly running: readonly Promised[];
  /** The others in the order in which they get it. */
  readonly waiting: readonly Promised[];
  readonly waitingTokens: number;
  readonly waitingSequences: number;
}

export interface Wanted {
  readonly tokens: number;
  readonly sequences: number;
}

/** Milliseconds until there is room for one who comes after all that were promised any; 0: now, Infinity: it cannot be foreseen. */
export function roomInMs(engine: RoomView, now: number, wanted: Wanted): number {
  if (isFree(engine, wanted)) return 0;
  if (wanted.tokens > engine.kvTokens) return Infinity;
  const queue = new Queue(engine, now);
  for (const one of engine.promised.waiting) queue.enter(one);
  return queue.waitFor(wanted) - now;
}

export interface RoomAtOnce {
  inMs: number;
  /** By how much others will get theirs later, all together. */
  delaysMs: number;
}

/**
 * The same for one who takes its room as soon as there is some, for `holdsMs`: ahead of those whose prompts are still being
 * computed elsewhere. Infinity also where one of them would come too late because of it.
 */
export function roomAtOnceInMs(engine: RoomView, now: number, wanted: Wanted, holdsMs: number): RoomAtOnce {
  if (isFree(engine, wanted)) return { inMs: 0, delaysMs: 0 };
  const never = { inMs: Infinity, delaysMs: 0 };
  if (wanted.tokens > engine.kvTokens) return never;
  const queue = new Queue(engine, now);
  const later: Promised[] = [];
  for (const one of engine.promised.waiting) {
    if (one.readyAt > now) later.push(one);
    else queue.enter(one);
  }
  const without = queue.copy();
  const start = queue.enter({ ...wanted, readyAt: now, holdsMs });
  if (start === Infinity) return never;
  let delaysMs = 0;
  for (const one of later) {
    const [before, after] = [without.enter(one), queue.enter(one)];
    if (after > one.latestAt && before <= one.latestAt) return never;
    if (after !== Infinity) delaysMs += after - before;
  }
  return { inMs: start - now, delaysMs };
}

const isFree = (engine: RoomView, { tokens, sequences }: Wanted): boolean =>
  tokens <= engine.freeTokens && sequences <= engine.freeSequences;

/** An engine's room from now on, taken by one after the other. */
class Queue {
  private now: number;
  private free: { tokens: number; sequences: number };
  private ends: { at: number; tokens: number; sequences: number }[];
  private next = 0;

  constructor({ freeTokens, freeSequences, promised }: RoomView, now: number) {
    this.now = now;
    // Those who wait have nothing yet of what they were promised.
    this.free = {
      tokens: freeTokens + promised.waitingTokens,
      sequences: freeSequences + promised.waitingSequences,
    };
    this.ends = promised.running.map(({ endsAt, tokens, sequences }) => ({
      at: expected(endsAt ?? Infinity, now),
      tokens,
      sequences,
    }));
    this.ends.sort((a, b) => a.at - b.at);
  }

  copy(): Queue {
    const copy = Object.create(Queue.prototype) as Queue;
    return Object.assign(copy, this, { free: { ...this.free }, ends: this.ends.slice(this.next), next: 0 });
  }

  /** When it gets its room. */
  enter(one: Wanted & { readonly readyAt: number; readonly holdsMs: number }): number {
    this.now = Math.max(this.now, one.readyAt);
    const start = this.waitFor(one);
    if (start === Infinity) return Infinity;
    this.free.tokens -= one.tokens;
    this.free.sequences -= one.sequences;
    const at = start + one.holdsMs;
    let place = this.ends.length;
    while (place > this.next && (this.ends[place - 1]?.at ?? 0) > at) place--;
    this.ends.splice(place, 0, { at, tokens: one.tokens, sequences: one.sequences });
    return start;
  }

  /** When there is so much room; Infinity: never, nor for anybody after it. */
  waitFor({ tokens, sequences }: Wanted): number {
    const { free } = this;
    while (tokens > free.tokens || sequences > free.sequences) {
      const end = this.ends[this.next++];
      if (end === undefined) return (this.now = Infinity);
      this.now = Math.max(this.now, end.at);
      free.tokens += end.tokens;
      free.sequences += end.sequences;
    }
    return this.now;
  }
}

/** Who should have ended and has not is taken to need as long again as it is late. */
const expected = (endsAt: number, now: number): number => Math.max(endsAt, 2 * now - endsAt);

/** What one engine has promised. */
export class PromisedRoom implements PromisedView {
  readonly running: Promised[] = [];
  readonly waiting: Promised[] = [];
  waitingTokens = 0;
  waitingSequences = 0;
  tokens = 0;
  sequences = 0;

  add(promised: Promised): void {
    insert(this.waiting, promised, byReady);
    this.count(promised, 1);
    this.waits(promised, 1);
  }

  /** It has room and generates, probably until `endsAt`. */
  begins(promised: Promised, endsAt: number): void {
    this.drop(promised);
    promised.endsAt = endsAt;
    insert(this.running, promised, byEnd);
  }

  remove(promised: Promised): void {
    this.drop(promised);
    this.count(promised, -1);
  }

  private drop(promised: Promised): void {
    if (promised.endsAt === null) {
      take(this.waiting, promised, byReady);
      this.waits(promised, -1);
    } else take(this.running, promised, byEnd);
  }

  private count({ tokens, sequences }: Promised, sign: 1 | -1): void {
    this.tokens += sign * tokens;
    this.sequences += sign * sequences;
  }

  private waits({ tokens, sequences }: Promised, sign: 1 | -1): void {
    this.waitingTokens += sign * tokens;
    this.waitingSequences += sign * sequences;
  }
}

type By = (promised: Promised) => number;
const byReady: By = ({ readyAt }) => readyAt;
const byEnd: By = ({ endsAt }) => endsAt ?? Infinity;

function insert(list: Promised[], promised: Promised, by: By): void {
  list.splice(firstAfter(list, by(promised), by), 0, promised);
}

function take(list: Promised[], promised: Promised, by: By): void {
  let at = firstAfter(list, by(promised), by) - 1;
  while (at >= 0 && list[at] !== promised) at--;
  if (at < 0) throw new Error('room was given back that was not promised');
  list.splice(at, 1);
}

/** Index of the first that comes later than `at`. */
function firstAfter(list: readonly Promised[], at: number, by: By): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = list[middle];
    if (one !== undefined && by(one) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
