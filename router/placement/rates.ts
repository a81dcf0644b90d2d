// Rates that placement predicts with: assumed until measured, then moving averages.
import { ROUTER_LIMITS } from '../limits.ts';

export interface RatesAssumed {
  prefillTokensPerS: number;
  transferBytesPerS: number;
}

export class Rates {
  private readonly assumed: RatesAssumed;
  private readonly prefill = new ByEngine();
  private readonly pull = new ByEngine();
  private readonly decodeMs = new ByEngine(ROUTER_LIMITS.decodeWeight);
  private readonly decodeTokens = new ByEngine(ROUTER_LIMITS.decodeWeight);
  private readonly transfer = new Map<string, number>();

  constructor(assumed: RatesAssumed) {
    this.assumed = assumed;
  }

  /** Tokens per second: this engine's, else what was seen of its model, else the assumption. */
  prefillOf(engine: string, model: string): number {
    return this.prefill.of(engine, model) ?? this.assumed.prefillTokensPerS;
  }

  /** Milliseconds per token pulled: this engine's, else what was seen of its model; 0 until measured. */
  pullMsOf(engine: string, model: string): number {
    return this.pull.of(engine, model) ?? 0;
  }

  /** Milliseconds of an answer per token that its request allows it: this engine's, else of its model; Infinity until measured. */
  decodeMsOf(engine: string, model: string): number {
    const ms = this.decodeMs.of(engine, model);
    const tokens = this.decodeTokens.of(engine, model);
    return ms === undefined || tokens === undefined ? Infinity : ms / tokens;
  }

  /** Bytes per second towards a node. */
  transferTo(node: string): number {
    return this.transfer.get(node) ?? this.assumed.transferBytesPerS;
  }

  /** One prefill that had its engine for itself. */
  sawPrefill(engine: string, model: string, tokens: number, ms: number): void {
    if (tokens < ROUTER_LIMITS.rateTokensMin || ms <= 0) return;
    this.prefill.saw(engine, model, (tokens * 1000) / ms);
  }

  /** One pull by an engine that had nothing else to do: from the leg's start to its first token. */
  sawPull(engine: string, model: string, tokens: number, ms: number): void {
    if (tokens < ROUTER_LIMITS.rateTokensMin || ms <= 0) return;
    this.pull.saw(engine, model, ms / tokens);
  }

  /**
   * One answer that went out whole: from its first token to its end. Answers shorter than allowed count as what they are, so the
   * quotient of the averages is what an allowed token will probably take.
   */
  sawDecode(engine: string, model: string, allowedTokens: number, ms: number): void {
    this.decodeMs.saw(engine, model, ms);
    this.decodeTokens.saw(engine, model, allowedTokens);
  }

  /** One transfer: what stayed exposed of its last layer says how fast bytes go. */
  sawTransfer(node: string, bytes: number, layers: number, exposedMs: number): void {
    if (bytes < ROUTER_LIMITS.rateBytesMin || layers < 1 || exposedMs <= 0) return;
    if (!this.transfer.has(node) && this.transfer.size >= ROUTER_LIMITS.rateNodesMax) return;
    blend(this.transfer, node, (bytes / layers / exposedMs) * 1000, ROUTER_LIMITS.rateWeight);
  }
}

/** One measure of each engine; of an engine that was not measured, what was seen of its model. */
class ByEngine {
  private readonly engines = new Map<string, number>();
  private readonly models = new Map<string, number>();
  private readonly weight: number;

  constructor(weight: number = ROUTER_LIMITS.rateWeight) {
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
