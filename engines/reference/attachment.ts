// The engine's session with its node's service: attaches, notices when the service is gone, attaches again. Meanwhile the
// engine serves without Baton. A service that does not answer is left alone for a while, so that it delays few steps.
import type { Clock, Timer } from '#core/clock.ts';
import type { Logger } from '#core/log.ts';
import { ENGINE_LIMITS } from './limits.ts';
import { CLIENT_COUNTERS, type EngineMetrics } from './metrics.ts';
import type { NativeAttach, NativeBatonClient, NativeEngine } from './native.ts';

export interface AttachmentOptions {
  engine: Pick<NativeEngine, 'attach'>;
  /** null: the engine serves alone. */
  attach: NativeAttach | null;
  clock: Clock;
  log: Logger;
  metrics: EngineMetrics;
}

export class Attachment {
  readonly #options: AttachmentOptions;
  #client: NativeBatonClient | null = null;
  #timer: Timer | null = null;
  #backoffMs: number = ENGINE_LIMITS.attachBackoffMinMs;
  #quietUntil = -Infinity;
  #counted: Record<string, number> = {};
  #closed = false;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#attach();
  }

  /** The client while its session lives and the service answers, else null. */
  get client(): NativeBatonClient | null {
    if (this.#client === null) return null;
    if (!this.#client.alive()) {
      this.#options.log.warn({}, 'the transfer service is gone: serving without it');
      this.#drop();
      this.#later();
      return null;
    }
    return this.#options.clock.now() < this.#quietUntil ? null : this.#client;
  }

  /** The service did not answer a call in time. */
  unanswered(): void {
    this.#quietUntil = this.#options.clock.now() + ENGINE_LIMITS.attachBackoffMaxMs;
  }

  /** Adds what the client counted since the last call to the metrics. */
  count(): void {
    const { metrics } = this.#options;
    metrics.set('baton_engine_attached', this.client === null ? 0 : 1);
    if (this.#client === null) return;
    const counters = this.#client.counters();
    for (const name of CLIENT_COUNTERS) {
      const value = counters[name] ?? 0;
      metrics.add(`baton_engine_client_${name}_total`, Math.max(0, value - (this.#counted[name] ?? 0)));
      this.#counted[name] = value;
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#drop();
  }

  #attach(): void {
    const { engine, attach, log, metrics } = this.#options;
    if (attach === null || this.#closed) return;
    try {
      this.#client = engine.attach(attach);
      this.#backoffMs = ENGINE_LIMITS.attachBackoffMinMs;
      metrics.add('baton_engine_attaches_total');
      log.info({ incarnation: String(this.#client.incarnation()) }, 'attached to the transfer service');
    } catch (error) {
      metrics.add('baton_engine_attach_failures_total');
      const { code, message } = error as { code?: string; message?: string };
      log.warn(
        { code, reason: message, retry_ms: this.#backoffMs },
        'not attached: serving without the transfer service',
      );
      this.#later();
    }
  }

  #later(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(this.#backoffMs, () => { this.#attach(); }); // prettier-ignore
    this.#backoffMs = Math.min(this.#backoffMs * 2, ENGINE_LIMITS.attachBackoffMaxMs);
  }

  #drop(): void {
    if (this.#client === null) return;
    this.#options.metrics.set('baton_engine_attached', 0);
    try {
      this.#client.detach();
    } catch {
      // A session that is gone has nothing left to end.
    }
    this.#client = null;
    this.#counted = {};
  }
}
