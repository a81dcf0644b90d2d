// Two nodes in one process, straight on the two addons: buses, an engine attached to each, a handoff that is under way.
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { engineSettings } from '#core/settings.ts';
import { loadModel } from '#engines/reference/model.ts';
import {
  native as reference,
  type NativeBatonClient,
  type NativeEngine,
  type NativeLoadResult,
  type NativeSequence,
  type NativeSlot,
  type NativeStepResult,
} from '#engines/reference/native.ts';
import {
  native,
  type NativeBus,
  type NativeBusOptions,
  type NativeGranted,
  type NativeOpen,
} from '#transfer/native.ts';

export const CHUNK = 256;
const PAGES_OF_CHUNK = 16;

/** A layer takes 30 ms: a step can be met half-way. */
export const model = loadModel(
  engineSettings.parse({
    model: 'synthetic', layers: 6, heads: 2, head_dim: 64, pages: 256, max_model_len: 4096,
    compute_us_per_layer: 30_000,
  }),
); // prettier-ignore
export const quick = { ...model.options, computeUsPerLayer: 0 };

export const socketOf = (directory: string, node: string): string => join(directory, `${node}.sock`);

/** Sockets below a folder that holds nothing else but arenas. */
export const leftovers = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.sock'));

export const busOptions = (folder: string, node: string): NativeBusOptions => ({
  node, arenaPath: join(folder, `${node}.arena`), arenaBytes: 16 << 20, slotsMax: 256, prefault: false,
  socketPath: socketOf(folder, node), laneHost: '127.0.0.1', lanePort: 0, clusterKeys: [new Uint8Array(32).fill(5)],
  laneSilenceMs: 1000, laneConnectMs: 1000, ticketShareMax: 0.9, verify: true,
}); // prettier-ignore

/** A bus ends with its object: these are kept until the environment ends. */
const kept: NativeBus[] = [];

export function startBus(folder: string, node: string, wake: () => void = () => undefined): NativeBus {
  const bus = native.startBus(busOptions(folder, node), wake);
  kept.push(bus);
  return bus;
}

export function attach(
  engine: NativeEngine,
  directory: string,
  node: string,
  name: string,
): NativeBatonClient {
  const socketPath = socketOf(directory, node);
  return engine.attach({ socketPath, engine: name, namespace: model.namespace, chunkTokens: CHUNK, timeoutMs: 2000 }); // prettier-ignore
}

export const openOf = (chunks: number, changes: Partial<NativeOpen> = {}): NativeOpen => ({
  ticket: randomBytes(16), engine: 'decode', namespace: model.namespace, keys: randomBytes(32 * chunks),
  tokens: new Uint32Array(chunks).fill(CHUNK), sourceNode: 'a', sourceEngine: 'prefill', leaseMs: 30_000,
  ...changes,
}); // prettier-ignore

/** Pages of the n-th run of chunks, the same for the slots gathered from or scattered into them. */
export const pagesOf = (chunk: number): Uint32Array =>
  Uint32Array.from({ length: PAGES_OF_CHUNK }, (_, i) => chunk * PAGES_OF_CHUNK + i);

export function sequenceOf(slots: readonly NativeSlot[]): NativeSequence {
  const pages = slots.map((_, i) => pagesOf(i));
  const end = slots.length * CHUNK;
  return {
    tokens: Uint32Array.from({ length: end }, (_, i) => (i * 7) % 250), start: 0, end,
    pages: Uint32Array.from(pages.flatMap((of) => [...of])), sample: true, temperature: 0, topP: 1, seed: 1,
    gathers: slots.map((slot, i) => ({ slot, pages: pages[i] ?? new Uint32Array(), pageOffset: 0 })),
  }; // prettier-ignore
}

async function granted(bus: NativeBus): Promise<NativeGranted> {
  for (;;) {
    const [answer] = bus.drain().granted;
    if (answer?.granted === true) return answer;
    if (answer !== undefined) throw new Error(`refused: ${answer.reason}`);
    await setImmediate();
  }
}

export function begun(client: NativeBatonClient, ticket: Uint8Array | null, keys: Uint8Array): NativeSlot[] {
  return Array.from({ length: keys.length / 32 }, (_, chunk) => {
    const { status, slot } = client.fillBegin(ticket, keys.subarray(chunk * 32, chunk * 32 + 32), chunk, CHUNK);
    if (status !== 0) throw new Error(`fill ${chunk}: ${status}`);
    return slot;
  }); // prettier-ignore
}

export interface Busy {
  buses: NativeBus[];
  engines: NativeEngine[];
  clients: NativeBatonClient[];
  step: Promise<NativeStepResult>;
  loads: Promise<NativeLoadResult>[];
}

/** Loads of chunks that the engine has gathered into its own node's arena, all waiting on its load thread. */
export async function startLoads(engine: NativeEngine, client: NativeBatonClient, count: number) {
  const keys = randomBytes(32 * 4);
  await engine.step(client, [sequenceOf(begun(client, null, keys))]);
  let claimed = client.claim(null, keys);
  while (claimed.slots.length < 4) {
    client.release(claimed.claim);
    await setImmediate();
    claimed = client.claim(null, keys);
  }
  const { slots } = claimed;
  const request = {
    slots, pages: slots.map((_, i) => pagesOf(8 + i)), pageOffsets: new Uint32Array(4),
    tokenCounts: new Uint32Array(4).fill(CHUNK), verify: true, ticket: null, check: true,
  }; // prettier-ignore
  const loads = Array.from({ length: count }, () => engine.load(client, request));
  return { loads, release: () => { client.release(claimed.claim); } }; // prettier-ignore
}

/** Live tickets on both buses, bytes on their lane, a step in its middle, loads that wait. */
export async function busy(directory: string, loads = 400): Promise<Busy> {
  const [a, b] = [startBus(directory, 'a'), startBus(directory, 'b')];
  const [prefill, decode] = [reference.createEngine(model.options), reference.createEngine(quick)];
  const [source, target] = [attach(prefill, directory, 'a', 'prefill'), attach(decode, directory, 'b', 'decode')]; // prettier-ignore
  const open = openOf(4);
  b.open(open);
  const { need, epoch } = await granted(b);
  a.expect({
    ...open, engine: 'prefill', need, epoch, targetNode: 'b', targetHost: '127.0.0.1', targetPort: b.lanePort(),
  }); // prettier-ignore
  await granted(a);
  b.open(openOf(2)); // one more that nobody will ever fill
  await granted(b);
  const accepted = source.ticketAccept(open.ticket, open.keys, 4 * CHUNK);
  if (accepted.status !== 0) throw new Error(`not accepted: ${accepted.status}`);
  const { loads: waiting } = await startLoads(decode, target, loads);
  const step = prefill.step(source, [sequenceOf(begun(source, open.ticket, open.keys))]);
  while ((b.counters()['lane_bytes_in'] ?? 0) === 0) await setImmediate();
  return { buses: [a, b], engines: [prefill, decode], clients: [source, target], step, loads: waiting };
}

/** Returns when the bus's thread has told of something and nobody has drained it yet: its wake waits in the queue. */
export function queueWake(bus: NativeBus): void {
  const refused = bus.counters()['tickets_refused'] ?? 0;
  bus.open(openOf(1, { engine: 'nobody' }));
  while (bus.counters()['tickets_refused'] === refused);
  // The thread publishes in the turn after the one that counted; the second question is answered after that.
  bus.counters();
  bus.counters();
}

/** The case that a child script is asked for. */
export function chosen(cases: Record<string, () => unknown>): unknown {
  const name = process.argv[2] ?? '';
  const run = cases[name];
  if (run === undefined) throw new Error(`no case ${name}`);
  return run();
}

export const directory = process.argv[3] ?? '';
