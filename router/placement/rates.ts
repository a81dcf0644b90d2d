// Rates that placement predicts with: assumed until measured, then moving averages.
import { ROUTER_LIMITS } from '../limits.ts';

export interface RatesAssumed {
  prefillTokensPerS: number;
  transferBytesPerS: number;
}

export class Rates {
  private readonly assumed: RatesAssumed;
  private readonly prefill = new Pace(ROUTER_LIMITS.rateWeight);
  private readonly decode = new Pace(ROUTER_LIMITS.decodeWeight);
  private readonly pull = new ByEngine(ROUTER_LIMITS.rateWeight);
  private readonly late = new Map<string, number>();
  private readonly transfer = new Map<string, number>();

  constructor(assumed: RatesAssumed) {
    this.assumed = assumed;
  }

  /** Tokens per second: this engine's, else what was seen of its model, else the assumption. */
  prefillOf(engine: string, model: string): number {
    const ms = this.prefill.msPerToken(engine, model);
    return ms === undefined ? this.assumed.prefillTokensPerS : 1000 / ms;
  }

  /** That rate was measured. */
  prefillSeen(engine: string, model: string): boolean {
    return this.prefill.msPerToken(engine, model) !== undefined;
  }

  /** Milliseconds per token pulled: this engine's, else what was seen of its model; 0 until measured. */
  pullMsOf(engine: string, model: string): number {
    return this.pull.of(engine, model) ?? 0;
  }

  /** Milliseconds of an answer per token that its request allows it: this engine's, else of its model; Infinity until measured. */
  decodeMsOf(engine: string, model: string): number {
    return this.decode.msPerToken(engine, model) ?? Infinity;
  }

  /** Bytes per second towards a node. */
  transferTo(node: string): number {
    return this.transfer.get(node) ?? this.assumed.transferBytesPerS;
  }

  /** One prefill: from its begin, or from the end of the one before it on its engine. */
  sawPrefill(engine: string, model: string, tokens: number, ms: number): void {
    if (tokens >= ROUTER_LIMITS.rateTokensMin) this.prefill.saw(engine, model, tokens, ms);
  }

  /** One pull by an engine that had nothing else to do: from the leg's start to its first token. */
  sawPull(engine: string, model: string, tokens: number, ms: number): void {
    if (tokens < ROUTER_LIMITS.rateTokensMin || ms <= 0) return;
    this.pull.saw(engine, model, ms / tokens);
  }

  /** One answer that went out whole: from its first token to its end. Answers shorter than allowed count as what they are. */
  sawDecode(engine: string, model: string, allowedTokens: number, ms: number): void {
    this.decode.saw(engine, model, allowedTokens, ms);
  }

  /** By how much first tokens come later than predicted, so that only few come later still, ms. */
  lateBy(model: string): number {
    return this.late.get(model) ?? 0;
  }

  /** Up quickly by what exceeds it, down slowly by what does not. */
  sawFirstToken(model: string, predictedMs: number, ms: number): void {
    const margin = this.lateBy(model);
    const off = Math.max(0, ms - predictedMs) - margin;
    this.late.set(model, margin + off * (off > 0 ? ROUTER_LIMITS.lateWeight : ROUTER_LIMITS.earlyWeight));
  }

  /** One transfer: what stayed exposed of its last layer says how fast bytes go. */
  sawTransfer(node: string, bytes: number, layers: number, exposedMs: number): void {
    if (bytes < ROUTER_LIMITS.rateBytesMin || layers < 1 || exposedMs <= 0) return;
    if (!this.transfer.has(node) && this.transfer.size >= ROUTER_LIMITS.rateNodesMax) return;
    blend(this.transfer, node, (bytes / layers / exposedMs) * 1000, ROUTER_LIMITS.rateWeight);
  }
}

/** Time per token: quotient of two averages, so that work that ends together counts as what it took together. */
class Pace {
  private readonly ms: ByEngine;
  private readonly tokens: ByEngine;

  constructor(weight: number) {
    this.ms = new ByEngine(weight);
    this.tokens = new ByEngine(weight);
  }

  saw(engine: string, model: string, tokens: number, ms: number): void {
    this.ms.saw(engine, model, ms);
    this.tokens.saw(engine, model, tokens);
  }

  /** Undefined: not measured, or nothing that took any time. */
  msPerToken(engine: string, model: string): number | undefined {
    const ms = this.ms.of(engine, model);
    const tokens = this.tokens.of(engine, model);
    return ms === undefined || tokens === undefined || ms <= 0 ? undefined : ms / tokens;
  }
}

/** One measure of each engine; of an engine that was not measured, what was seen of its model. */
class ByEngine {
  private readonly engines = new Map<string, number>();
  private readonly models = new Map<string, number>();
  private readonly weight: number;

  constructor(weight: number) {
    this.weight = weight;
  }

  of(engine: string, model: string): number | undefined {
    return this.engines.get(engine) ?? this.models.get(model);
  }

  saw(engine: string, model: string, seen: number): void {
    blend(this.engines, engine, seen, this.weight);
    blend(this.models, model, seen, this.weight);
  }
}

function blend(rates: Map<string, number>, name: string, seen: number, weight: number): void {
  const old = rates.get(name);
  rates.set(name, old === undefined ? seen : old + weight * (seen - old));
}
