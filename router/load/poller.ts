// Asks engines that no transfer service speaks for how busy they are, again and again. An engine that does not tell is judged by
// what this router promised on it.
import type { Clock, Timer } from '#core/clock.ts';
import type { Logger } from '#core/log.ts';
import type { Upstream } from '../edge/contract.ts';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Engine } from '../pools.ts';
import { readLoad, type EngineLoad } from './signals.ts';

export interface LoadPollerOptions {
  engines: readonly Engine[];
  upstream: Upstream;
  clock: Clock;
  log: Logger;
}

export class LoadPoller {
  private readonly options: LoadPollerOptions;
  private readonly timers = new Map<Engine, Timer>();
  private readonly seenAt = new Map<Engine, number>();
  private closed = false;

  constructor(options: LoadPollerOptions) {
    this.options = options;
  }

  /** Polls every engine once; then each again and again. */
  async start(): Promise<void> {
    const { engines } = this.options;
    await Promise.all(engines.filter(({ node }) => node === null).map((engine) => this.poll(engine)));
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }

  private async poll(engine: Engine): Promise<void> {
    const load = engine.healthy ? await this.read(engine) : null;
    if (this.closed) return;
    this.take(engine, load);
    // One that does not tell is asked seldom.
    const pause =
      load === null && engine.load === null ? ROUTER_LIMITS.loadSilentMs : ROUTER_LIMITS.loadPollMs;
    this.timers.set(
      engine,
      this.options.clock.after(pause, () => void this.poll(engine)),
    );
  }

  private async read(engine: Engine): Promise<EngineLoad | null> {
    const { loadTimeoutMs, loadBytesMax } = ROUTER_LIMITS;
    const path = `${engine.basePath}/metrics`;
    try {
      const { status, body } = await this.options.upstream.read(
        engine.origin,
        path,
        loadTimeoutMs,
        loadBytesMax,
      );
      return status === 200 ? readLoad(body.toString('utf8')) : null;
    } catch {
      return null;
    }
  }

  private take(engine: Engine, load: EngineLoad | null): void {
    const now = this.options.clock.now();
    if (load !== null) {
      if (engine.load === null)
        this.options.log.info({ engine: engine.name, ...load }, 'engine tells its load');
      this.seenAt.set(engine, now);
      engine.load = load;
    } else if (engine.load !== null && now - (this.seenAt.get(engine) ?? 0) > ROUTER_LIMITS.loadStaleMs) {
      engine.load = null;
      this.options.log.warn({ engine: engine.name }, 'engine does not tell its load any more');
    }
  }
}
