// A native engine without C++: one number per token stands for its KV. A token's number depends on all tokens before it, read
// from the pages, and an output token on all numbers in them: a wrong, stale or missing page changes the answer. Its arena
// keeps the numbers by key, and every call of the connector is recorded.
import { setImmediate } from 'node:timers/promises';
import { BATON } from '#engines/reference/codes.ts';
import type {
  NativeBatonClient,
  NativeEngine,
  NativeLoad,
  NativeLoadResult,
  NativeSequence,
  NativeSlot,
  NativeStepResult,
} from '#engines/reference/native.ts';

export const VOCAB = 256;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function next(previous: number, token: number): number {
  const mixed = Math.imul(previous ^ (token + 0x9e3779b9), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** What the fake model answers, computed without pages. */
export function expectedTokens(prompt: Uint32Array, count: number): number[] {
  let last = 1;
  let sum = 0;
  const add = (token: number): void => {
    last = next(last, token);
    sum = (sum + last) >>> 0;
  };
  prompt.forEach(add);
  return Array.from({ length: count }, () => {
    const token = sum % VOCAB;
    add(token);
    return token;
  });
}

export interface FakeFill {
  ticket: string | null;
  key: string;
  chunk: number;
  tokens: number;
  /** Index of the step that gathers it; -1: none has. */
  step: number;
}

export interface FakeTicket {
  /** What ticketPoll and ticketAccept answer. */
  status: number;
  need: number[] | null;
  accepted: number;
  forgotten: number;
}

export class FakeNative implements NativeEngine, NativeBatonClient {
  readonly kv: Uint32Array;
  readonly pageTokens: number;
  readonly arena = new Map<string, Uint32Array>();
  readonly tickets = new Map<string, FakeTicket>();
  readonly fills: FakeFill[] = [];
  readonly claims = new Map<bigint, number>();
  readonly steps: { start: number; end: number; gathers: number }[][] = [];
  fillStatus: number = BATON.ok;
  /** Status of the gathers of coming steps. */
  gatherStatus: number = BATON.ok;
  /** Status of each slot of coming loads, by position. */
  loadStatuses: number[] = [];
  /** A load waits for this before it ends. */
  loadGate: Promise<void> = Promise.resolve();
  stepGate: Promise<void> = Promise.resolve();
  stepError: Error | null = null;
  loads = 0;
  isAlive = true;
  closed = 0;
  throwing = false;
  readonly #slots = new Map<number, Uint32Array | FakeFill>();
  #slotCount = 0;
  #claimCount = 0n;

  constructor(pages: number, pageTokens: number) {
    this.kv = new Uint32Array(pages * pageTokens).fill(0xdead);
    this.pageTokens = pageTokens;
  }

  attach(): NativeBatonClient {
    return this;
  }

  async step(_client: NativeBatonClient | null, sequences: NativeSequence[]): Promise<NativeStepResult> {
    const index = this.steps.length;
    this.steps.push(sequences.map(({ start, end, gathers }) => ({ start, end, gathers: gathers.length })));
    await this.stepGate;
    await setImmediate();
    if (this.stepError !== null) throw this.stepError;
    const tokens = sequences.map((sequence) => this.#compute(sequence, index));
    const status = sequences.map(({ gathers }) => (gathers.length > 0 ? this.gatherStatus : 0));
    return { tokens: Int32Array.from(tokens), gatherStatus: Int32Array.from(status) };
  }

  #compute({ tokens, start, end, pages, sample, gathers }: NativeSequence, step: number): number {
    const at = (t: number): number =>
      (pages[Math.floor(t / this.pageTokens)] ?? NaN) * this.pageTokens + (t % this.pageTokens);
    let last = start === 0 ? 1 : (this.kv[at(start - 1)] ?? 0);
    for (let t = start; t < end; t++) {
      last = next(last, tokens[t] ?? NaN);
      this.kv[at(t)] = last;
    }
    for (const { slot, pages: from } of gathers) {
      const fill = this.#slots.get(slot[0] ?? -1) as FakeFill;
      fill.step = step;
      if (this.gatherStatus === BATON.ok) this.arena.set(fill.key, this.#read(from, fill.tokens));
    }
    if (!sample) return -1;
    let sum = 0;
    for (let t = 0; t < end; t++) sum = (sum + (this.kv[at(t)] ?? 0)) >>> 0;
    return sum % VOCAB;
  }

  #read(pages: Uint32Array, tokens: number): Uint32Array {
    return Uint32Array.from({ length: tokens }, (_, t) => {
      const page = pages[Math.floor(t / this.pageTokens)] ?? NaN;
      return this.kv[page * this.pageTokens + (t % this.pageTokens)] ?? 0;
    });
  }

  async load(_client: NativeBatonClient, request: NativeLoad): Promise<NativeLoadResult> {
    this.loads++;
    const statuses = request.slots.map((_, i) => this.loadStatuses[i] ?? 0);
    await this.loadGate;
    await setImmediate();
    request.slots.forEach((slot, i) => {
      const from = this.#slots.get(slot[0] ?? -1) as Uint32Array;
      const pages = request.pages[i] ?? new Uint32Array(0);
      for (let t = 0; t < (request.tokenCounts[i] ?? 0); t++) {
        const page = pages[Math.floor(t / this.pageTokens)] ?? NaN;
        // A failed load leaves anything behind.
        this.kv[page * this.pageTokens + (t % this.pageTokens)] = statuses[i] === 0 ? (from[t] ?? 0) : 0xbad;
      }
    });
    const digests = request.check
      ? Buffer.concat(
          request.slots.map((_, i) =>
            this.#digest(request.pages[i] ?? new Uint32Array(0), request.tokenCounts[i] ?? 0),
          ),
        )
      : new Uint8Array(0);
    return {
      status: statuses.find((status) => status !== 0) ?? 0,
      statuses: Int32Array.from(statuses),
      digests,
    };
  }

  #digest(pages: Uint32Array, tokens: number): Uint8Array {
    const digest = new Uint8Array(16);
    new DataView(digest.buffer).setUint32(
      0,
      this.#read(pages, tokens).reduce((sum, x) => (sum + x) >>> 0, 0),
    );
    return digest;
  }

  digestPages(_key: Uint8Array, _chunkTokens: number, tokens: number, pages: Uint32Array): Uint8Array {
    return this.#digest(pages, tokens);
  }

  close(): void {
    this.closed++;
  }

  alive(): boolean {
    return this.isAlive;
  }

  incarnation(): bigint {
    return 1n;
  }

  lookup(keys: Uint8Array): number {
    if (this.throwing) throw new Error('lookup fails');
    let held = 0;
    while (held * 32 < keys.length && this.arena.has(hexOf(keys.subarray(held * 32, held * 32 + 32)))) held++;
    return held;
  }

  ticketAccept(ticket: Uint8Array, keys: Uint8Array): { status: number; need: Uint8Array } {
    if (this.throwing) throw new Error('accept fails');
    const known = this.tickets.get(hexOf(ticket));
    if (known === undefined) return { status: BATON.unknown, need: new Uint8Array(0) };
    known.accepted++;
    return {
      status: known.status,
      need: Uint8Array.from(known.need ?? Array<number>(keys.length / 32).fill(1)),
    };
  }

  ticketPoll(ticket: Uint8Array): number {
    return this.tickets.get(hexOf(ticket))?.status ?? BATON.unknown;
  }

  ticketForget(ticket: Uint8Array): void {
    const known = this.tickets.get(hexOf(ticket));
    if (known !== undefined) known.forgotten++;
  }

  fillBegin(
    ticket: Uint8Array | null,
    key: Uint8Array,
    chunk: number,
    tokens: number,
  ): { status: number; slot: NativeSlot } {
    if (this.fillStatus !== BATON.ok) return { status: this.fillStatus, slot: new Uint8Array(0) };
    const fill = { ticket: ticket === null ? null : hexOf(ticket), key: hexOf(key), chunk, tokens, step: -1 };
    this.fills.push(fill);
    return { status: BATON.ok, slot: this.#slot(fill) };
  }

  readonly aborted: NativeSlot[] = [];
  fillAbort(slot: NativeSlot): void {
    this.aborted.push(slot);
  }

  claim(
    _ticket: Uint8Array | null,
    keys: Uint8Array,
  ): { status: number; slots: NativeSlot[]; claim: bigint } {
    const slots: NativeSlot[] = [];
    for (let i = 0; i * 32 < keys.length; i++) {
      const held = this.arena.get(hexOf(keys.subarray(i * 32, i * 32 + 32)));
      if (held === undefined) break;
      slots.push(this.#slot(held));
    }
    const claim = ++this.#claimCount;
    this.claims.set(claim, 0);
    return { status: BATON.ok, slots, claim };
  }

  release(claim: bigint): void {
    this.claims.set(claim, (this.claims.get(claim) ?? 0) + 1);
  }

  counters(): Record<string, number> {
    return { rpcs: this.fills.length };
  }

  detach(): void {
    this.isAlive = false;
  }

  #slot(holds: Uint32Array | FakeFill): NativeSlot {
    const id = this.#slotCount++ % 256;
    this.#slots.set(id, holds);
    return Uint8Array.of(id);
  }
}
