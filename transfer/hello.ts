// Mutual proof of the cluster key at the start of a control stream (docs/wire.md §Control). Without a key both ends are on
// loopback, or nothing is said.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Challenge, Hello, Proof } from '#proto/gen/baton/v1/transfer.ts';
import { isLoopback } from '#core/config.ts';
import type { Random } from '#core/random.ts';
import { bytes } from './wire.ts';

export const PROTOCOL = 2;
export const NONCE_BYTES = 32;

/** Why a hello is refused: label values of baton_transfer_hello_refused_total. */
export const HELLO_REFUSALS = [
  'wrong_key', 'not_keyed', 'not_loopback', 'protocol', 'malformed', 'timeout', 'busy', 'wrong_node',
] as const; // prettier-ignore
export type HelloRefusal = (typeof HELLO_REFUSALS)[number];

export type Step<T> = { ok: true; value: T } | { ok: false; refusal: HelloRefusal };
const refuse = (refusal: HelloRefusal): { ok: false; refusal: HelloRefusal } => ({ ok: false, refusal });

export type Speaker = 'baton-router-v2' | 'baton-service-v2';
/** What the router said first, and what both macs are bound to besides the service's nonce. */
export type Said = Pick<Hello, 'router' | 'nonce' | 'protocol'>;
const NOTHING = Buffer.alloc(0);
const SAID_NOTHING: Said = { router: '', nonce: NOTHING, protocol: PROTOCOL };
const NAME = /^[A-Za-z0-9._-]{1,63}$/;

/** HMAC-SHA-256(key, speaker ‖ u8 length ‖ router's name ‖ its nonce ‖ u32 protocol ‖ the service's nonce). */
export function helloMac(key: Uint8Array, speaker: Speaker, said: Said, nonce: Uint8Array): Buffer {
  const name = Buffer.from(said.router, 'utf8');
  const protocol = Buffer.alloc(4);
  protocol.writeUInt32LE(said.protocol);
  const mac = createHmac('sha256', key).update(speaker, 'utf8');
  return mac
    .update(Buffer.of(name.length))
    .update(name)
    .update(said.nonce)
    .update(protocol)
    .update(nonce)
    .digest();
}

/** The one of the keys that `mac` was made with, or null; takes the same time whichever it is. */
export function provenKey(
  keys: readonly Uint8Array[],
  mac: Uint8Array,
  speaker: Speaker,
  said: Said,
  nonce: Uint8Array,
): Uint8Array | null {
  let proven: Uint8Array | null = null;
  for (const key of keys) {
    const expected = helloMac(key, speaker, said, nonce);
    if (mac.length === expected.length && timingSafeEqual(mac, expected)) proven = key;
  }
  return proven;
}

/** Whether an `address:port` of a connection's other end is on this machine's loopback. */
export function isLoopbackPeer(peer: string): boolean {
  const host = peer
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .replace(/^::ffff:/i, '');
  return isLoopback(host);
}

/** The service's side of one stream. */
export class ServiceHello {
  readonly #keys: readonly Uint8Array[];
  readonly #nonce: Buffer;
  readonly #loopback: boolean;
  #said = SAID_NOTHING;

  constructor(keys: readonly Uint8Array[], random: Random, peer: string) {
    this.#keys = keys;
    this.#nonce = bytes(random.bytes(NONCE_BYTES));
    this.#loopback = isLoopbackPeer(peer);
  }

  hello(hello: Hello): Step<Challenge> {
    if (hello.protocol !== PROTOCOL) return refuse('protocol');
    if (hello.nonce.length !== NONCE_BYTES || !NAME.test(hello.router)) return refuse('malformed');
    const [key] = this.#keys;
    if (key === undefined && !this.#loopback) return refuse('not_loopback');
    this.#said = hello;
    const mac = key === undefined ? NOTHING : helloMac(key, 'baton-service-v2', hello, this.#nonce);
    return { ok: true, value: { nonce: this.#nonce, mac, keyed: key !== undefined } };
  }

  /** The router's name once it has proven the key. */
  proof(proof: Proof): Step<string> {
    const { router } = this.#said;
    if (this.#keys.length === 0) return { ok: true, value: router };
    if (provenKey(this.#keys, proof.mac, 'baton-router-v2', this.#said, this.#nonce) === null)
      return refuse(proof.mac.length === 0 ? 'not_keyed' : 'wrong_key');
    return { ok: true, value: router };
  }
}

/** The router's side of one stream. */
export class RouterHello {
  readonly #said: Said;
  readonly #keys: readonly Uint8Array[];
  readonly #loopback: boolean;

  constructor(router: string, keys: readonly Uint8Array[], random: Random, address: string) {
    this.#said = { router, nonce: bytes(random.bytes(NONCE_BYTES)), protocol: PROTOCOL };
    this.#keys = keys;
    this.#loopback = isLoopbackPeer(address);
  }

  hello(): Step<Hello> {
    if (this.#keys.length === 0 && !this.#loopback) return refuse('not_loopback');
    return { ok: true, value: this.#said };
  }

  challenge(challenge: Challenge): Step<Proof> {
    if (challenge.nonce.length !== NONCE_BYTES) return refuse('malformed');
    if (this.#keys.length === 0)
      return challenge.keyed ? refuse('not_keyed') : { ok: true, value: { mac: NOTHING } };
    if (!challenge.keyed) return refuse('not_keyed');
    // Proven with the key that the service has shown to have: while keys change, it may not have the other one.
    const key = provenKey(this.#keys, challenge.mac, 'baton-service-v2', this.#said, challenge.nonce);
    if (key === null) return refuse('wrong_key');
    return { ok: true, value: { mac: helloMac(key, 'baton-router-v2', this.#said, challenge.nonce) } };
  }
}
