import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '#core/random.ts';
import {
  NONCE_BYTES, PROTOCOL, RouterHello, ServiceHello, helloMac, isLoopbackPeer, provenKey, type Speaker, type Step,
} from '#transfer/hello.ts'; // prettier-ignore

const OLD = Buffer.alloc(32, 1);
const NEW = Buffer.alloc(32, 2);
const WRONG = Buffer.alloc(32, 3);
const LOCAL = '127.0.0.1:5000';

function value<T>(step: Step<T>): T {
  if (!step.ok) throw new Error(step.refusal);
  return step.value;
}

/** Both ends talk; what each of them says in the end. */
function talk(routerKeys: Buffer[], serviceKeys: Buffer[], peer = LOCAL, address = LOCAL) {
  const router = new RouterHello('r1', routerKeys, systemRandom, address);
  const service = new ServiceHello(serviceKeys, systemRandom, peer);
  const hello = router.hello();
  if (!hello.ok) return `router: ${hello.refusal}`;
  const challenge = service.hello(hello.value);
  if (!challenge.ok) return `service: ${challenge.refusal}`;
  const proof = router.challenge(challenge.value);
  if (!proof.ok) return `router: ${proof.refusal}`;
  const name = service.proof(proof.value);
  return name.ok ? name.value : `service: ${name.refusal}`;
}

describe('a hello', () => {
  test('succeeds when both have the key', () => {
    expect(talk([NEW], [NEW])).toBe('r1');
    expect(talk([NEW], [NEW], '10.0.0.9:1', '10.0.0.8:2')).toBe('r1');
  });

  test('succeeds with the second of two valid keys, on either side', () => {
    expect(talk([OLD], [OLD, NEW])).toBe('r1');
    expect(talk([OLD, NEW], [NEW, OLD])).toBe('r1');
    expect(talk([NEW, OLD], [OLD])).toBe('r1');
  });

  test('ends at the router when the service proves another key', () => {
    expect(talk([NEW], [WRONG])).toBe('router: wrong_key');
  });

  test('ends when one of the two has no key', () => {
    expect(talk([], [NEW])).toBe('router: not_keyed');
    expect(talk([NEW], [])).toBe('router: not_keyed');
  });

  test('without keys is for loopback only, on both ends', () => {
    expect(talk([], [])).toBe('r1');
    expect(talk([], [], '10.0.0.9:1')).toBe('service: not_loopback');
    expect(talk([], [], LOCAL, '10.0.0.8:2')).toBe('router: not_loopback');
  });

  test('a router that skips the check of the service still needs the key', () => {
    const service = new ServiceHello([NEW], systemRandom, LOCAL);
    const nonce = Buffer.alloc(NONCE_BYTES, 4);
    const said = { router: 'r1', nonce, protocol: PROTOCOL };
    const challenge = value(service.hello(said));
    const refused = (mac: Buffer) => service.proof({ mac });
    expect(refused(Buffer.alloc(0))).toEqual({ ok: false, refusal: 'not_keyed' });
    expect(refused(Buffer.alloc(32))).toEqual({ ok: false, refusal: 'wrong_key' });
    expect(refused(helloMac(WRONG, 'baton-router-v2', said, challenge.nonce)).ok).toBe(false);
    // The service's own proof, sent back, proves nothing.
    expect(refused(Buffer.from(challenge.mac)).ok).toBe(false);
    expect(refused(helloMac(NEW, 'baton-router-v2', said, challenge.nonce)).ok).toBe(true);
  });

  test.each([
    ['another protocol', { protocol: 1 }, 'protocol'],
    ['a short nonce', { nonce: Buffer.alloc(31) }, 'malformed'],
    ['no name', { router: '' }, 'malformed'],
    ['a name with a space', { router: 'a b' }, 'malformed'],
  ])('with %s is refused', (_, changes, refusal) => {
    const service = new ServiceHello([NEW], systemRandom, LOCAL);
    const hello = { router: 'r1', nonce: Buffer.alloc(NONCE_BYTES), protocol: PROTOCOL, ...changes };
    expect(service.hello(hello)).toEqual({ ok: false, refusal });
  });

  test.each([
    ['its name', { router: 'r2' }],
    ['its nonce', { nonce: Buffer.alloc(NONCE_BYTES, 9) }],
  ])('in which somebody on the way changes %s convinces neither end', (_, changes) => {
    const router = new RouterHello('r1', [NEW], systemRandom, LOCAL);
    const service = new ServiceHello([NEW], systemRandom, LOCAL);
    const said = value(router.hello());
    const challenge = value(service.hello({ ...said, ...changes }));
    expect(router.challenge(challenge)).toEqual({ ok: false, refusal: 'wrong_key' });
    // And if the router proved itself all the same:
    const mac = helloMac(NEW, 'baton-router-v2', said, challenge.nonce);
    expect(service.proof({ mac })).toEqual({ ok: false, refusal: 'wrong_key' });
  });

  test('a proof is bound to who speaks, to the name, the protocol and both nonces', () => {
    const nonce = Buffer.alloc(32, 7);
    const theirs = Buffer.alloc(32, 8);
    const said = { router: 'r1', nonce, protocol: PROTOCOL };
    const mac = helloMac(NEW, 'baton-router-v2', said, theirs);
    const proves = (more: object, other = theirs, speaker: Speaker = 'baton-router-v2') =>
      provenKey([OLD, NEW], mac, speaker, { ...said, ...more }, other);
    expect(proves({})).toBe(NEW);
    for (const more of [{ router: 'r' }, { router: 'r11' }, { protocol: 1 }, { nonce: theirs }])
      expect(proves(more)).toBeNull();
    expect(proves({}, nonce)).toBeNull();
    expect(proves({}, theirs, 'baton-service-v2')).toBeNull();
    expect(provenKey([], mac, 'baton-router-v2', said, theirs)).toBeNull();
  });

  test('has the macs that docs/wire.md tells', () => {
    const said = { router: 'r1', nonce: Buffer.alloc(32, 1), protocol: 2 };
    const bytes = Buffer.concat([
      Buffer.from('baton-service-v2'),
      Buffer.of(2), Buffer.from('r1'), Buffer.alloc(32, 1), Buffer.of(2, 0, 0, 0), Buffer.alloc(32, 5),
    ]); // prettier-ignore
    const expected = createHmac('sha256', NEW).update(bytes).digest('hex');
    expect(helloMac(NEW, 'baton-service-v2', said, Buffer.alloc(32, 5)).toString('hex')).toBe(expected);
  });
});

test.each([
  ['127.0.0.1:1', true], ['127.9.9.9:80', true], ['::ffff:127.0.0.1:5', true], ['[::1]:7001', true], ['localhost:7001', true],
  ['::1:5123', true], ['10.0.0.1:1', false], ['[2001:db8::1]:1', false], ['unknown', false], ['::ffff:10.0.0.1:5', false],
])('the other end %s is on loopback: %s', (peer, loopback) => {
  expect(isLoopbackPeer(peer)).toBe(loopback);
}); // prettier-ignore
