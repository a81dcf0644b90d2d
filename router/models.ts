// The models that engines serve: their renderers, and the namespace that prompts are named for.
import type { Clock } from '#core/clock.ts';
import type { Logger } from '#core/log.ts';
import { createRenderer, type Renderer } from '#core/render.ts';
import type { RouterSettings } from '#core/settings.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { Engine } from './pools.ts';

export const MODEL_LEN_DEFAULT = 16_384;

export class Model {
  readonly name: string;
  readonly maxModelLen: number;
  readonly engines: readonly Engine[];
  private readonly ownRenderer: Renderer | null;
  private readonly asksEngines: boolean;
  private readonly clock: Pick<Clock, 'now'>;
  private mismatches = 0;
  /** Rendering is off until then; and for how long it goes off the next time. */
  private offUntil = Number.NEGATIVE_INFINITY;
  private offMs: number = ROUTER_LIMITS.renderingOffMinMs;

  constructor(
    name: string,
    maxModelLen: number,
    engines: readonly Engine[],
    renderer: Renderer | null,
    clock: Pick<Clock, 'now'>,
    asksEngines = false,
  ) {
    this.name = name;
    this.maxModelLen = maxModelLen;
    this.engines = engines;
    this.ownRenderer = renderer;
    this.clock = clock;
    this.asksEngines = asksEngines && renderer === null;
  }

  /** Null: the engine renders, nothing is named. */
  get renderer(): Renderer | null {
    return this.renderingOff ? null : this.ownRenderer;
  }

  /** An engine's /tokenize is asked for the ids of prompts. */
  get tokenizes(): boolean {
    return this.asksEngines && !this.renderingOff;
  }

  /**
   * Engines derived other keys several times in a row: their tokenizer or template is another one. What is wrong may be
   * mended without this router, so rendering is tried again after a while; one more mismatch and it is off for twice as long.
   */
  get renderingOff(): boolean {
    return this.clock.now() < this.offUntil;
  }

  sawMismatch(): void {
    if (this.renderingOff) return;
    this.mismatches++;
    if (this.mismatches < ROUTER_LIMITS.keyMismatchesMax) return;
    this.offUntil = this.clock.now() + this.offMs;
    this.offMs = Math.min(2 * this.offMs, ROUTER_LIMITS.renderingOffMaxMs);
  }

  sawMatch(): void {
    if (this.renderingOff) return;
    this.mismatches = 0;
    this.offMs = ROUTER_LIMITS.renderingOffMinMs;
  }

  /** Hex: that of a complete pair, else of any decode engine that is attached; null: none is. */
  get namespace(): string | null {
    let any: string | null = null;
    for (const decode of this.engines) {
      if (decode.namespace === null || decode.role === 'prefill' || !decode.healthy) continue;
      if (this.hasPrefillFor(decode)) return decode.namespace;
      any ??= decode.namespace;
    }
    return any;
  }

  /** Some of its engines tell what they have cached, which token ids find. */
  get tellsBlocks(): boolean {
    return this.engines.some(({ node, holder }) => node === null && holder !== null);
  }

  /** Some of its engines hand KV over among themselves. */
  get direct(): boolean {
    return this.engines.some((engine) => engine.dialect === 'vllm-nixl');
  }

  hasPrefillFor(decode: Engine): boolean {
    const pairs = (e: Engine): boolean =>
      e.dialect === decode.dialect &&
      e.dialect !== 'local' &&
      (e.dialect === 'vllm-nixl' || (e.namespace !== null && e.namespace === decode.namespace));
    return this.engines.some((e) => e !== decode && e.healthy && e.role !== 'decode' && pairs(e));
  }
}

/** Loads what is configured for each model that an engine serves. */
export async function createModels(
  configured: RouterSettings['models'],
  pools: { models: string[]; ofModel(name: string): readonly Engine[] },
  clock: Clock,
  log: Logger,
): Promise<Map<string, Model>> {
  const models = new Map<string, Model>();
  for (const name of pools.models) {
    const settings = configured.find((model) => model.name === name);
    const { tokenizer = null, chat_template: chatTemplate = null, tokenize = false } = settings ?? {};
    const renderer =
      tokenizer !== null && chatTemplate !== null ? await createRenderer({ tokenizer, chatTemplate }) : null;
    if (renderer === null && !tokenize)
      log.info({ model: name }, 'no tokenizer is configured: engines render, prompts are unnamed');
    models.set(
      name,
      new Model(
        name,
        settings?.max_model_len ?? MODEL_LEN_DEFAULT,
        pools.ofModel(name),
        renderer,
        clock,
        tokenize,
      ),
    );
  }
  return models;
}
