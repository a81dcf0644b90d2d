// libbaton's calls as the engine's TypeScript makes them, over a session of the model of the bus. A service that is stopped answers
// nothing: calls that ask end in a timeout, calls that tell arrive when it goes on. Lookups are memory and need no answer.
import { BATON } from '#engines/reference/codes.ts';
import type { NativeBatonClient, NativeSlot } from '#engines/reference/native.ts';
import { KEY_BYTES, keyAt } from '#core/ids.ts';
import type { ModelSession, SlotRef, Values } from './bus/contract.ts';
import type { Process } from './process.ts';

export class ClientModel implements NativeBatonClient {
  readonly session: ModelSession;
  readonly #service: () => Process | null;
  readonly #slots = new Map<number, SlotRef>();
  #next = 0;

  constructor(session: ModelSession, service: () => Process | null) {
    this.session = session;
    this.#service = service;
  }

  alive(): boolean {
    return !this.session.closed;
  }

  incarnation(): bigint {
    return 0n;
  }

  lookup(keys: Uint8Array): number {
    return this.session.lookup(listOf(keys));
  }

  ticketAccept(
    ticket: Uint8Array,
    keys: Uint8Array,
    totalTokens: number,
  ): { status: number; need: Uint8Array } {
    if (this.#silent) return { status: BATON.timeout, need: new Uint8Array(0) };
    const { code, need } = this.session.accept(ticket, listOf(keys), totalTokens);
    return { status: code, need: Uint8Array.from(need, (flag) => (flag ? 1 : 0)) };
  }

  ticketPoll(ticket: Uint8Array): number {
    return this.#silent ? BATON.landing : this.session.poll(ticket);
  }

  ticketForget(ticket: Uint8Array): void {
    this.#tell(() => { this.session.forget(ticket); }); // prettier-ignore
  }

  fillBegin(
    ticket: Uint8Array | null,
    key: Uint8Array,
    chunk: number,
    tokens: number,
  ): { status: number; slot: NativeSlot } {
    if (this.#silent) return { status: BATON.timeout, slot: NONE };
    const { code, slot } = this.session.begin(ticket, key, chunk, tokens);
    return { status: code, slot: slot === null ? NONE : this.#name(slot) };
  }

  fillAbort(slot: NativeSlot): void {
    const ref = this.slot(slot);
    this.#tell(() => { this.session.abandon(ref); }); // prettier-ignore
  }

  claim(ticket: Uint8Array | null, keys: Uint8Array): { status: number; slots: NativeSlot[]; claim: bigint } {
    if (this.#silent) return { status: BATON.timeout, slots: [], claim: 0n };
    const { code, claim, slots } = this.session.claim(ticket, listOf(keys));
    return { status: code, slots: slots.map((slot) => this.#name(slot)), claim: BigInt(claim) };
  }

  release(claim: bigint): void {
    this.#tell(() => { this.session.release(Number(claim)); }); // prettier-ignore
  }

  counters(): Record<string, number> {
    return {};
  }

  detach(): void {
    this.session.detach();
  }

  // ---- for the model of the native part ----

  slot(name: NativeSlot): SlotRef {
    const ref = this.#slots.get(Buffer.from(name).readUInt32LE(0));
    if (ref === undefined) throw new Error('a slot that was never given');
    return ref;
  }

  ready(slot: NativeSlot, layer: number, values: readonly string[]): number {
    const ref = this.slot(slot);
    if (!this.#silent) return this.session.ready(ref, layer, values);
    this.#tell(() => { this.session.ready(ref, layer, values); }); // prettier-ignore
    return BATON.ok;
  }

  scatter(slot: NativeSlot): { code: number; values: Values } {
    return this.session.scatter(this.slot(slot));
  }

  scattered(ticket: Uint8Array, stamps: readonly number[]): void {
    this.#tell(() => { this.session.scattered(ticket, stamps); }); // prettier-ignore
  }

  get #silent(): boolean {
    return this.#service()?.stopped === true && !this.session.closed;
  }

  #tell(work: () => void): void {
    const service = this.#service();
    if (service === null) work();
    else service.deliver(work);
  }

  #name(ref: SlotRef): NativeSlot {
    const name = Buffer.alloc(4);
    name.writeUInt32LE(this.#next);
    this.#slots.set(this.#next++, ref);
    return name;
  }
}

const NONE = new Uint8Array(0);

function listOf(keys: Uint8Array): Uint8Array[] {
  return Array.from({ length: keys.length / KEY_BYTES }, (_, i) => keyAt(keys, i));
}
