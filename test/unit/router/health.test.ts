import { describe, expect, test } from 'vitest';
import { engineEntry, type EngineEntry } from '#core/settings.ts';
import { GEOMETRY } from '#test/support/fake-service.ts';
import { readiness } from '#router/health.ts';
import { Model } from '#router/models.ts';
import { Rates } from '#router/placement/rates.ts';
import { Engine } from '#router/pools.ts';

const rates = new Rates({ prefillTokensPerS: 1, transferBytesPerS: 1 });
function engine(
  name: string,
  role: EngineEntry['role'],
  node: string | null,
  namespace: number | null,
  healthy = true,
): Engine {
  const made = new Engine(
    engineEntry.parse({ name, role, node, url: 'http://127.0.0.1:1', model: 'm', kv_tokens: 100 }),
    rates,
  );
  made.healthy = healthy;
  if (namespace !== null)
    made.attach({ engine: name, namespace: Buffer.alloc(32, namespace), geometry: GEOMETRY }, true);
  return made;
}
const ready = (
  engines: Engine[],
  mode: 'auto' | 'disaggregated' | 'local' = 'auto',
  draining = false,
): boolean => readiness([new Model('m', 100, engines, null, { now: () => 0 })], mode, draining).ready;

describe('ready', () => {
  test('is a healthy pair attached with the same namespace', () => {
    expect(ready([engine('p', 'prefill', 'a', 1), engine('d', 'decode', 'b', 1)])).toBe(true);
    expect(ready([engine('x', 'both', 'a', 1), engine('y', 'both', 'b', 1)])).toBe(true);
  });

  test.each([
    ['one end is unhealthy', [engine('p', 'prefill', 'a', 1, false), engine('d', 'decode', 'b', 1)]],
    ['one end is not attached', [engine('p', 'prefill', 'a', null), engine('d', 'decode', 'b', 1)]],
    ['namespaces differ', [engine('p', 'prefill', 'a', 1), engine('d', 'decode', 'b', 2)]],
    ['one engine would be both ends', [engine('x', 'both', 'a', 1)]],
    ['nothing can decode', [engine('p', 'prefill', null, null)]],
    ['nothing is there', []],
  ])('is not, when %s', (_, engines) => {
    expect(ready(engines)).toBe(false);
  });

  test('is not, while a service of the pair drains or is down', () => {
    const d = engine('d', 'decode', 'b', 1);
    d.attach(d.attachment, false);
    expect(ready([engine('p', 'prefill', 'a', 1), d])).toBe(false);
  });

  test('is any healthy decode engine in mode local, or one without a node unless handoffs are demanded', () => {
    expect(ready([engine('d', 'decode', 'b', null)], 'local')).toBe(true);
    expect(ready([engine('d', 'decode', null, null)])).toBe(true);
    expect(ready([engine('d', 'decode', null, null)], 'disaggregated')).toBe(false);
  });

  test('is not, while draining', () => {
    expect(ready([engine('d', 'decode', null, null)], 'auto', true)).toBe(false);
  });
});
