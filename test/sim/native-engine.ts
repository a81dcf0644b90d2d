// The reference engine's native part as a model: steps and loads over pages of numbers in virtual time, gathers layer by layer into
// the model of the bus. The TypeScript above it is the shipped one.
import type { Geometry } from '#core/geometry.ts';
import { BATON } from '#engines/reference/codes.ts';
import type {
  NativeAttach, NativeBatonClient, NativeEngine, NativeGather, NativeLoad, NativeLoadResult, NativeSequence, NativeStepResult,
} from '#engines/reference/native.ts'; // prettier-ignore
import type { Attached } from './bus/contract.ts';
import { ClientModel } from './client-model.ts';
import type { Pages } from './kv.ts';
import type { Process } from './process.ts';
import type { Chance } from './random.ts';

export interface NativeModelParts {
  process: Process;
  geometry: Geometry;
  pages: Pages;
  chance: Chance;
  /** The node's service, as long as one listens. */
  attach: (options: NativeAttach) => Attached;
  /** The service's process is stopped: what asks it gets no answer. */
  service: () => Process | null;
  /** How much longer everything takes now. */
  slow: () => number;
}

const LAYER_MS = 0.3;
const TOKEN_MS = 0.01;
const LOAD_MS = 0.2;

export class ModelNative implements NativeEngine {
  readonly #parts: NativeModelParts;

  constructor(parts: NativeModelParts) {
    this.#parts = parts;
  }

  attach(options: NativeAttach): NativeBatonClient {
    const attached = this.#parts.attach(options);
    if (attached.ok) return new ClientModel(attached.session, this.#parts.service);
    throw Object.assign(new Error(attached.message), { code: String(attached.code) });
  }

  step(client: NativeBatonClient | null, sequences: NativeSequence[]): Promise<NativeStepResult> {
    const { geometry, pages, process, chance } = this.#parts;
    const status = sequences.map(() => 0);
    const tokens = sequences.reduce((sum, { start, end }) => sum + end - start, 0);
    return new Promise((resolve) => {
      const layer = (l: number): void => {
        sequences.forEach(({ tokens: ids, start, end, pages: of, seed }) => {
          pages.compute(l, ids, start, end, of, seed);
        });
        sequences.forEach(({ gathers }, i) => {
          if (client instanceof ClientModel && status[i] === 0) status[i] = this.#gather(client, l, gathers);
        });
        if (l + 1 < geometry.layers) {
          later(l + 1);
          return;
        }
        const sampled = sequences.map((one) => (one.sample ? pages.sample(one.end, one.pages) : -1));
        resolve({ tokens: Int32Array.from(sampled), gatherStatus: Int32Array.from(status) });
      };
      const later = (l: number): void => {
        const ms = (LAYER_MS + TOKEN_MS * tokens) * this.#parts.slow() * chance.between(0.8, 1.2);
        process.clock.after(ms, () => {
          layer(l);
        });
      };
      later(0);
    });
  }

  /** Each chunk's stripes of this layer, as the pages hold them now. An end of one ends the sequence's others. */
  #gather(client: ClientModel, layer: number, gathers: readonly NativeGather[]): number {
    for (const { slot, pages: of } of gathers) {
      const ref = client.slot(slot);
      const code = client.ready(slot, layer, this.#parts.pages.read(layer, of, ref.tokens));
      if (code === BATON.ok) continue;
      for (const gather of gathers) client.fillAbort(gather.slot);
      return code;
    }
    return 0;
  }

  load(client: NativeBatonClient, request: NativeLoad): Promise<NativeLoadResult> {
    const { process, geometry } = this.#parts;
    const statuses = request.slots.map(() => 0);
    const done = (): NativeLoadResult => ({
      status: statuses.find((status) => status !== 0) ?? 0,
      statuses: Int32Array.from(statuses),
      digests: new Uint8Array(0),
    });
    if (!(client instanceof ClientModel)) return Promise.resolve(done());
    return new Promise((resolve) => {
      const one = (i: number): void => {
        if (i === request.slots.length) {
          const stamps = Array.from({ length: geometry.layers }, () => Math.round(process.clock.now() * 1e6));
          if (request.ticket !== null && done().status === 0) client.scattered(request.ticket, stamps);
          resolve(done());
          return;
        }
        process.clock.after(LOAD_MS * this.#parts.slow(), () => {
          statuses[i] = this.#scatter(client, request, i);
          one(i + 1);
        });
      };
      one(0);
    });
  }

  #scatter(client: ClientModel, request: NativeLoad, i: number): number {
    const { geometry, pages } = this.#parts;
    const { code, values } = client.scatter(request.slots[i] ?? new Uint8Array(0));
    const of = request.pages[i] ?? new Uint32Array(0);
    const tokens = request.tokenCounts[i] ?? 0;
    for (let layer = 0; layer < geometry.layers; layer++) {
      for (let head = 0; head < geometry.heads; head++) {
        const stripe = code === BATON.ok ? (values[layer]?.[head] ?? null) : null;
        pages.write(layer, head, of, tokens, stripe);
      }
    }
    return code;
  }

  digestPages(): Uint8Array {
    return new Uint8Array(0);
  }

  close(): void {
    // Nothing is held outside this object.
  }
}
