// The per-layer report of one handoff: a layer that the engine computes late is seen late in the stamps of both ends.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';
import { until } from '#test/support/ready.ts';

const LAYERS = 12;
const DELAYED = 7;
const DELAY_MS = 50;

interface Timeline {
  reported: boolean;
  clock_offset_ns: number;
  layers: LayerTimes[];
}

interface LayerTimes {
  computed_ms: number;
  out_ms: number;
  landed_ms: number;
}

let cluster: Cluster;

beforeAll(async () => {
  const engine = { model: 'synthetic', layers: LAYERS, pages: 512, max_model_len: 4096 };
  const settings = { arena: { bytes: 64 << 20 } };
  cluster = await startCluster({
    nodes: [
      { name: 'a', settings },
      { name: 'b', settings },
    ],
    engines: [
      {
        name: 'prefill',
        role: 'prefill',
        node: 'a',
        settings: { ...engine, delay_layer: DELAYED, delay_ms: DELAY_MS },
      },
      { name: 'decode', role: 'decode', node: 'b', settings: engine },
    ],
    router: { placement: { mode: 'disaggregated' } },
  });
  await untilReady(cluster.routerUrl);
});

afterAll(async () => {
  await cluster.stop();
});

/** Both nodes are on this machine and read one clock: their estimate of an offset, half a round trip wrong, is taken out. */
async function layersOf(request: string): Promise<LayerTimes[]> {
  let layers: LayerTimes[] = [];
  await until(`both ends have reported on ${request}`, async () => {
    const answer = await fetch(`${cluster.adminUrl}/debug/requests/${request}`);
    const { ticket } = (await answer.json()) as { ticket: Timeline };
    const stamps = ticket.layers.flatMap((layer) => [layer.computed_ms, layer.out_ms, layer.landed_ms]);
    const offset = ticket.clock_offset_ns / 1e6;
    layers = ticket.layers.map((layer) => ({ ...layer, landed_ms: layer.landed_ms - offset }));
    return ticket.reported && layers.length > 0 && stamps.every((stamp) => typeof stamp === 'number');
  });
  return layers;
}

test('a layer computed 50 ms late leaves a gap at that layer in the report, and goes out and lands after it', async () => {
  const prompt = Array.from({ length: 600 }, (_, i) => (i * 7 + 3) % 250);
  const answer = await fetch(`${cluster.routerUrl}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'synthetic', prompt, max_tokens: 2 }),
  });
  expect(answer.status).toBe(200);
  const layers = await layersOf(answer.headers.get('x-request-id') ?? '');
  expect(layers).toHaveLength(LAYERS);
  const before = layers[DELAYED - 1];
  const late = layers[DELAYED];
  expect(before).toBeDefined();
  expect((late?.computed_ms ?? 0) - (before?.computed_ms ?? 0)).toBeGreaterThanOrEqual(DELAY_MS);
  for (const layer of layers.slice(DELAYED)) {
    expect(layer.computed_ms).toBeGreaterThanOrEqual(late?.computed_ms ?? NaN);
    expect(layer.out_ms).toBeGreaterThanOrEqual(layer.computed_ms);
    expect(layer.landed_ms).toBeGreaterThanOrEqual(layer.out_ms);
  }
});
