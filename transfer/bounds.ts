// What an Open or Expect must look like before anything acts on it.
import { KEY_BYTES } from '#core/ids.ts';
import { LIMITS } from '#core/limits.ts';
import type { Expect, Open } from '#proto/gen/baton/v1/transfer.ts';

const NAME = /^[A-Za-z0-9._-]{1,63}$/;

type Ask = Pick<Open, 'engine' | 'namespace' | 'keys' | 'tokens' | 'leaseMs'>;

/** `malformed` when a field breaks its bound, else null. Ticket ids are checked where messages come in. */
function askFlaw(ask: Ask): 'malformed' | null {
  const n = ask.tokens.length;
  const ok =
    NAME.test(ask.engine) &&
    ask.namespace.length === KEY_BYTES &&
    n >= 1 &&
    n <= LIMITS.chunksPerTicketMax &&
    ask.keys.length === n * KEY_BYTES &&
    ask.tokens.every((count) => count >= 1 && count <= LIMITS.chunkTokensMax) &&
    ask.leaseMs >= 1 &&
    ask.leaseMs <= LIMITS.leaseMsMax;
  return ok ? null : 'malformed';
}

export function openFlaw(open: Open): 'malformed' | null {
  const ok = NAME.test(open.sourceNode) && NAME.test(open.sourceEngine);
  return ok ? askFlaw(open) : 'malformed';
}

export function expectFlaw(expect: Expect): 'malformed' | null {
  const ok =
    expect.need.length === expect.tokens.length &&
    expect.need.every((flag) => flag <= 1) &&
    NAME.test(expect.targetNode) &&
    expect.targetHost.length >= 1 &&
    expect.targetHost.length <= LIMITS.hostCharsMax &&
    expect.targetPort >= 1 &&
    expect.targetPort <= 65_535;
  return ok ? askFlaw(expect) : 'malformed';
}
