// The configured engines, their health, and what was promised on each.
import type { Clock, Timer } from '#core/clock.ts';
import { hex } from '#core/ids.ts';
import type { Logger } from '#core/log.ts';
import type { EngineEntry } from '#core/settings.ts';
import { planted } from '#planted';
import { baseOf } from './edge/base.ts';
import type { Upstream } from './edge/contract.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { AttachmentInfo } from './link.ts';
import type { EngineLoad } from './load/signals.ts';
import type { EngineView } from './placement/cost.ts';
import type { Rates } from './placement/rates.ts';
import { PromisedRoom } from './placement/room.ts';

/** What the index calls the cache of an engine that publishes its own KV events; no node's name has a slash. */
export const holderOf = (engine: string): string => `engine/${engine}`;

export class Engine implements EngineView {
  readonly name: string;
  readonly node: string | null;
  readonly holder: string | null;
  readonly role: EngineEntry['role'];
  readonly dialect: EngineEntry['dialect'];
  readonly model: string;
  readonly origin: string;
  /** Prefix of every path, '' as a rule. */
  readonly basePath: string;
  private readonly entry: EngineEntry;
  /** Where decode engines reach its NIXL side channel; null: where it says. */
  readonly nixlHost: string | null;
  private readonly rates: Rates;
  healthy = false;
  /** Probes in a row that failed, and that nothing answered in time. */
  failures = 0;
  silences = 0;
  attachment: AttachmentInfo | null = null;
  /** Hex of the attachment's namespace while its service takes tickets. */
  namespace: string | null = null;
  /** What its own metrics say, where no service speaks for it; null: nothing, or not lately. */
  load: EngineLoad | null = null;
  /** Room of requests that are placed on it to decode. */
  readonly promised = new PromisedRoom();
  pendingTokens = 0;
  /** When it last had computed a prompt. */
  computedAt = Number.NEGATIVE_INFINITY;
  running = 0;

  constructor(entry: EngineEntry, rates: Rates) {
    const base = baseOf(entry.url);
    this.entry = entry;
    this.name = entry.name;
    this.node = entry.node;
    this.holder = entry.node ?? (entry.kv_events.endpoint === null ? null : holderOf(entry.name));
    this.role = entry.role;
    this.dialect = entry.dialect;
    this.nixlHost = entry.nixl.remote_host;
    this.model = entry.model;
    this.origin = base.origin;
    this.basePath = base.path;
    this.rates = rates;
  }

  get kvTokens(): number {
    return this.load?.kvTokens ?? this.entry.kv_tokens;
  }

  get promisedTokens(): number {
    return this.promised.tokens;
  }

  /** What was promised is not all in use yet, and what is in use was not all promised by this router. */
  get freeTokens(): number {
    const size = this.kvTokens;
    const unused = Math.floor(size * (1 - (this.load?.kvUsage ?? 0)));
    return planted('room_promised_twice') ? unused : Math.min(size - this.promised.tokens, unused);
  }

  get freeSequences(): number {
    return (this.entry.max_sequences ?? Infinity) - this.promised.sequences - this.others;
  }

  get others(): number {
    return this.load === null ? 0 : Math.max(0, this.load.running + this.load.waiting - this.running);
  }

  get prefillTokensPerS(): number {
    return this.rates.prefillOf(this.name, this.model);
  }

  get measuredAt(): number | null {
    return this.rates.prefillSeen(this.name, this.model) ? this.computedAt : null;
  }

  /** Of an answer: how long it takes for each token that its request allows it; Infinity until measured. */
  get decodeMsPerToken(): number {
    return this.rates.decodeMsOf(this.name, this.model);
  }

  get pullMsPerToken(): number {
    return this.rates.pullMsOf(this.name, this.model);
  }

  /** It has computed a prompt that it was sent then. What it did before, another prompt may have taken. */
  computed(tokens: number, sentAt: number, now: number): void {
    this.rates.sawPrefill(this.name, this.model, tokens, now - Math.max(sentAt, this.computedAt));
    this.computedAt = now;
  }

  attach(info: AttachmentInfo | null, takesTickets: boolean): void {
    this.attachment = info;
    this.namespace = info !== null && takesTickets ? hex(info.namespace) : null;
  }
}

export interface PoolsOptions {
  entries: readonly EngineEntry[];
  rates: Rates;
  upstream: Upstream;
  clock: Clock;
  log: Logger;
}

export class Pools {
  readonly engines: readonly Engine[];
  private readonly byName = new Map<string, Engine>();
  private readonly byModel = new Map<string, Engine[]>();
  private readonly options: PoolsOptions;
  private readonly timers = new Map<Engine, Timer>();
  private readonly probing = new Set<Engine>();
  private closed = false;

  constructor(options: PoolsOptions) {
    this.options = options;
    this.engines = options.entries
      .map((entry) => new Engine(entry, options.rates))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const engine of this.engines) {
      this.byName.set(engine.name, engine);
      const pool = this.byModel.get(engine.model);
      if (pool === undefined) this.byModel.set(engine.model, [engine]);
      else pool.push(engine);
    }
  }

  get models(): string[] {
    return [...this.byModel.keys()].sort();
  }

  engine(name: string): Engine | null {
    return this.byName.get(name) ?? null;
  }

  ofModel(model: string): readonly Engine[] {
    return this.byModel.get(model) ?? [];
  }

  ofNode(node: string): Engine[] {
    return this.engines.filter((engine) => engine.node === node);
  }

  /** Probes every engine once; then each again and again. */
  async start(): Promise<void> {
    await Promise.all(this.engines.map((engine) => this.probe(engine)));
  }

  /** A leg could not reach this engine, or was refused for now: it is down until a probe says otherwise. */
  down(engine: Engine): void {
    engine.failures = ROUTER_LIMITS.probeFailuresMax;
    this.judge(engine);
  }

  /** A leg broke: look now instead of at the next turn. */
  suspect(engine: Engine): void {
    void this.probe(engine);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  private async probe(engine: Engine): Promise<void> {
    if (this.probing.has(engine)) return;
    this.probing.add(engine);
    this.timers.get(engine)?.cancel();
    const status = await this.ask(engine);
    this.probing.delete(engine);
    if (this.closed) return;
    const up = status !== null && status >= 200 && status < 300;
    if (up) engine.failures = engine.silences = 0;
    else if (status === null) engine.silences++;
    else engine.failures++;
    this.judge(engine, up);
    const again = this.options.clock.after(ROUTER_LIMITS.probeMs, () => void this.probe(engine));
    this.timers.set(engine, again);
  }

  /** Status of /health: 0 when the engine can't be reached, null when nothing comes in time. */
  private async ask(engine: Engine): Promise<number | null> {
    try {
      const path = `${engine.basePath}/health`;
      return await this.options.upstream.probe(engine.origin, path, ROUTER_LIMITS.probeTimeoutMs);
    } catch {
      return 0;
    }
  }

  private judge(engine: Engine, up = false): void {
    const { probeFailuresMax, probeSilencesMax } = ROUTER_LIMITS;
    const down = engine.failures >= probeFailuresMax || engine.silences >= probeSilencesMax;
    const healthy = up || (engine.healthy && !down);
    if (healthy === engine.healthy) return;
    engine.healthy = healthy;
    this.options.log.info({ engine: engine.name, healthy }, healthy ? 'engine is up' : 'engine is down');
  }
}
