// A short answer of an engine, read whole: what a prefill leg ends in.
import { LIMITS } from '#core/limits.ts';
import type { EngineAnswer, Headers, Leg, LegHandler, LegRequest, Upstream } from './contract.ts';

/** The answer, or why there is none. */
export type Collected = { ok: true; answer: EngineAnswer } | { ok: false; reason: string; sent: boolean };

export interface CollectedLeg {
  leg: Leg;
  /** Never rejects; does not settle after an abort. */
  answer: Promise<Collected>;
}

export function collect(upstream: Upstream, origin: string, request: LegRequest): CollectedLeg {
  const { promise, resolve } = Promise.withResolvers<Collected>();
  const collector = new Collector(resolve);
  const leg = upstream.send(origin, request, collector);
  collector.leg = leg;
  return { leg, answer: promise };
}

class Collector implements LegHandler {
  leg: Leg | null = null;
  private readonly settle: (collected: Collected) => void;
  private readonly chunks: Buffer[] = [];
  private bytes = 0;
  private status = 0;
  private contentType = '';

  constructor(settle: (collected: Collected) => void) {
    this.settle = settle;
  }

  head(status: number, headers: Headers): void {
    this.status = status;
    this.contentType = String(headers['content-type'] ?? 'application/json');
  }

  data(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.bytes > LIMITS.legAnswerBytesMax) {
      this.leg?.abort();
      this.settle({ ok: false, reason: 'answer exceeds the bound', sent: true });
      return;
    }
    this.chunks.push(chunk);
  }

  end(): void {
    const { status, contentType } = this;
    this.settle({ ok: true, answer: { status, contentType, body: Buffer.concat(this.chunks) } });
  }

  failed({ reason, sent }: { reason: string; sent: boolean }): void {
    this.settle({ ok: false, reason, sent });
  }
}
