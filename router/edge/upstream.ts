// Legs over undici: one pool per engine, dispatch without streams or promises.
import { Pool, type Dispatcher } from 'undici';
import { ROUTER_LIMITS } from '../limits.ts';
import type { Headers, Leg, LegHandler, LegRequest, Upstream } from './contract.ts';

export interface UpstreamOptions {
  connectMs: number;
}

export function createUpstream(options: UpstreamOptions): Upstream {
  const pools = new Map<string, Pool>();
  const poolOf = (origin: string): Pool => {
    let pool = pools.get(origin);
    if (pool === undefined) {
      pool = new Pool(origin, {
        allowH2: false,
        pipelining: 1,
        // The router's own timers bound every leg.
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: ROUTER_LIMITS.engineIdleMs,
        connect: { timeout: options.connectMs, noDelay: true },
      });
      pools.set(origin, pool);
    }
    return pool;
  };
  return {
    send(origin, request, handler) {
      const leg = new UndiciLeg(handler);
      const { path, headers, body } = request;
      poolOf(origin).dispatch({ path, method: 'POST', headers, body: Buffer.from(body, 'latin1') }, leg);
      return leg;
    },
    async probe(origin, path, timeoutMs) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const answer = await poolOf(origin).request({ path, method: 'GET', signal });
        await answer.body.dump();
        return answer.statusCode;
      } catch (error) {
        if (signal.aborted) return null;
        throw error;
      }
    },
    async read(origin, path, timeoutMs, bytesMax) {
      const signal = AbortSignal.timeout(timeoutMs);
      const { statusCode, body } = await poolOf(origin).request({ path, method: 'GET', signal });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of body) {
        bytes += (chunk as Buffer).length;
        // Leaving the loop destroys the body, and with it the connection.
        if (bytes > bytesMax) throw new Error(`the answer exceeds ${bytesMax} bytes`);
        chunks.push(chunk as Buffer);
      }
      return { status: statusCode, body: Buffer.concat(chunks) };
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

class UndiciLeg implements Leg, Dispatcher.DispatchHandler {
  private handler: LegHandler | null;
  private controller: Dispatcher.DispatchController | null = null;
  private answered = false;

  constructor(handler: LegHandler) {
    this.handler = handler;
  }

  abort(): void {
    if (this.handler === null) return;
    this.handler = null;
    this.controller?.abort(ABORTED);
  }

  pause(): void {
    this.controller?.pause();
  }

  resume(): void {
    this.controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    if (this.handler === null) controller.abort(ABORTED);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.answered = true;
    this.handler?.head(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.handler?.data(chunk);
  }

  onResponseEnd(): void {
    const handler = this.handler;
    this.handler = null;
    handler?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const handler = this.handler;
    this.handler = null;
    const code = (error as NodeJS.ErrnoException).code;
    handler?.failed({ reason: code ?? error.name, sent: this.controller !== null, answered: this.answered });
  }
}

const ABORTED = new Error('the router gave this leg up');

export type { LegRequest };
