// How much of a transfer hides behind the prefill: an 8B geometry, one prompt of 4 096 tokens, disaggregated through the real
// router, services and engines, with modelled compute of 1, 1.5 and 3 times the transfer's own time T.
//   npm run bench -- overlap [--runs 7] [--verbose]
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { startCluster, type Cluster } from '#cli/cluster.ts';
import { untilReady } from '#cli/ready.ts';
import { median } from './process.ts';

const LAYERS = 32;
const TOKENS = 4096;
const MIB = 1 << 20;
const PROMPT_BYTES = 512 * MIB;
const RATIOS = [1, 1.5, 3];
const WARM_RUNS = 2;
const BOUNDS = { hidden: 2 / LAYERS, tight: 0.25, off: 0.9 };
const JOURNEY_MS = 5000;

interface Handoff {
  transferMs: number;
  exposedMs: number;
}

interface LayerTimes {
  computed_ms: number | null;
  out_ms: number | null;
  landed_ms: number | null;
}

export async function run(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '7' }, verbose: { type: 'boolean', default: false } },
  });
  const runs = Number(values.runs);
  const sample = async (computeMs: number, late: boolean): Promise<Handoff> => {
    const cluster = await start(computeMs, late);
    try {
      await untilReady(cluster.routerUrl);
      for (let i = 0; i < WARM_RUNS; i++) await handoff(cluster);
      const all: Handoff[] = [];
      for (let i = 0; i < runs; i++) all.push(await handoff(cluster));
      if (values.verbose) console.log(JSON.stringify({ computeMs, late, all }));
      return { transferMs: median(all.map((h) => h.transferMs)), exposedMs: median(all.map((h) => h.exposedMs)) };
    } finally {
      await cluster.stop();
    }
  }; // prettier-ignore

  // T: everything gathered and announced after the last layer. Taken anew for each row, beside what it is compared with.
  let { transferMs: T } = await sample(0, true);
  console.log(
    `T = ${T.toFixed(1)} ms for ${PROMPT_BYTES / MIB} MiB: ${(PROMPT_BYTES / 1e6 / T).toFixed(2)} GB/s`,
  );
  const rows = [];
  for (const ratio of RATIOS) {
    const off = await sample(ratio * T, true);
    T = off.transferMs;
    const on = await sample(ratio * T, false);
    const row = {
      compute_to_transfer: ratio,
      exposed_ratio: round(on.exposedMs / T),
      exposed_ratio_off: round(off.exposedMs / T),
      transfer_ms: round(T),
      exposed_ms: round(on.exposedMs),
    };
    console.log(
      `compute ${ratio} T (T = ${T.toFixed(1)} ms): exposed ${row.exposed_ms} ms, ${row.exposed_ratio} T; streaming off ${row.exposed_ratio_off} T`,
    );
    rows.push(row);
  }
  console.log(JSON.stringify({ layers: LAYERS, rows }));
  return rows.every(
    (row) =>
      row.exposed_ratio <= (row.compute_to_transfer === 1 ? BOUNDS.tight : BOUNDS.hidden) &&
      row.exposed_ratio_off >= BOUNDS.off,
  );
}

function start(computeMs: number, late: boolean): Promise<Cluster> {
  const engine = {
    model: 'synthetic', layers: LAYERS, heads: 8, head_dim: 128, prepare_kv: true,
    pages: (TOKENS + 256) / 16, page_tokens: 16, max_model_len: TOKENS + 256, max_batched_tokens: TOKENS + 256,
  }; // prettier-ignore
  const settings = { arena: { bytes: 1152 * MIB }, ticket_share_max: 1 };
  return startCluster({
    nodes: [
      { name: 'a', settings },
      { name: 'b', settings },
    ],
    engines: [
      {
        name: 'prefill', role: 'prefill', node: 'a',
        settings: { ...engine, compute_us_per_layer: (computeMs * 1000) / LAYERS, layer_hooks: !late },
      },
      { name: 'decode', role: 'decode', node: 'b', settings: engine },
    ], // prettier-ignore
    router: { placement: { mode: 'disaggregated' } },
    log: 'error',
    readyMs: 60_000,
  });
}

/** One prompt that no arena holds, and what the natively stamped timeline says of its handoff. */
async function handoff(cluster: Cluster): Promise<Handoff> {
  const prompt = Array.from(randomBytes(TOKENS - 1), (byte) => byte);
  const answer = await fetch(`${cluster.routerUrl}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'synthetic', prompt: [...prompt, 0], max_tokens: 1 }),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`the router answered ${answer.status}: ${text.slice(0, 300)}`);
  const layers = await timeline(cluster, answer.headers.get('x-request-id') ?? '');
  const last = (stamps: readonly (number | null)[]): number => Math.max(...stamps.map((stamp) => stamp ?? NaN));
  const landed = last(layers.map((layer) => layer.landed_ms));
  const computed = last(layers.map((layer) => layer.computed_ms));
  const out = Math.min(...layers.map((layer) => layer.out_ms ?? NaN));
  if (layers.length !== LAYERS || !Number.isFinite(landed - computed - out))
    throw new Error('the timeline lacks stamps');
  return { transferMs: landed - out, exposedMs: landed - computed };
} // prettier-ignore

/** The journey's layers, once both services have reported. */
async function timeline(cluster: Cluster, id: string): Promise<LayerTimes[]> {
  const deadline = performance.now() + JOURNEY_MS;
  while (performance.now() < deadline) {
    const answer = await fetch(`${cluster.adminUrl}/debug/requests/${id}`);
    const { ticket } = (await answer.json()) as { ticket: { layers: LayerTimes[]; reported: boolean } | null };
    const complete = ticket?.layers.every(({ computed_ms, landed_ms }) => computed_ms !== null && landed_ms !== null);
    if (ticket?.reported === true && ticket.layers.length > 0 && complete === true) return ticket.layers;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no timeline of ${id} within ${JOURNEY_MS} ms`);
} // prettier-ignore

const round = (value: number): number => Math.round(value * 10_000) / 10_000;
