// One control stream at the service: sequence numbers, hello, then the service's messages. Any fault ends the stream.
import type { RouterBatch, ServiceBatch } from '#proto/gen/baton/v1/transfer.ts';
import type { Clock, Timer } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import type { Logger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import { ServiceHello, type HelloRefusal } from './hello.ts';
import type { TransferMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { weighToRouter, type RouterStream, type Service } from './service.ts';
import type { ToRouter } from './wire.ts';

/** What carries the stream. */
export interface Carrier {
  peer: string; // address:port of the other end
  write(batch: ServiceBatch, sent: () => void): void;
  /** Ends the stream; null: regularly. */
  end(error: BatonError | null): void;
}

export interface SessionOptions {
  service: Service;
  keys: readonly Uint8Array[];
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: TransferMetrics;
  turn?: (work: () => void) => void;
  unsentBytesMax?: number;
}

export class Session implements RouterStream {
  readonly #options: SessionOptions;
  readonly #carrier: Carrier;
  readonly #hello: ServiceHello;
  readonly #outbox: Outbox<ToRouter>;
  readonly #timer: Timer;
  #stage: 'hello' | 'proof' | 'joined' | 'ended' = 'hello';
  #router = '';
  #received = 0n;
  #sent = 0n;

  constructor(carrier: Carrier, options: SessionOptions) {
    this.#carrier = carrier;
    this.#options = options;
    this.#hello = new ServiceHello(options.keys, options.random, carrier.peer);
    this.#outbox = new Outbox<ToRouter>({
      ...options,
      weigh: weighToRouter,
      write: (batch, _bytes, sent) => {
        this.#sent++;
        carrier.write({ seq: this.#sent, messages: batch.map((message) => ({ message })) }, sent);
      },
      overflow: () => { this.end(new BatonError('overloaded', 'the router does not read its stream')); },
    }); // prettier-ignore
    this.#timer = options.clock.after(LIMITS.helloMs, () => {
      this.#refuse('timeout');
    });
  }

  /** Not yet joined and not ended. */
  get pending(): boolean {
    return this.#stage === 'hello' || this.#stage === 'proof';
  }

  /** Too many streams say hello already. */
  refuseBusy(): void {
    this.#refuse('busy');
  }

  receive(batch: RouterBatch): void {
    if (this.#stage === 'ended') return;
    try {
      this.#received++;
      if (batch.seq !== this.#received)
        throw new BatonError('malformed', `batch ${batch.seq} came in place of ${this.#received}`);
      if (batch.messages.length > LIMITS.batchMessagesMax)
        throw new BatonError('malformed', `a batch has more than ${LIMITS.batchMessagesMax} messages`);
      for (const { message } of batch.messages) {
        if (message === undefined) throw new BatonError('malformed', 'a message of an unknown kind');
        if (this.#stage === 'joined') this.#options.service.receive(this.#router, message);
        else this.#greet(message, batch.messages.length);
      }
    } catch (error) {
      if (this.pending) this.#refuse('malformed');
      else this.end(BatonError.from(error));
    }
  }

  send(message: ToRouter): void {
    this.#outbox.push(message);
  }

  /** Ends the stream from this side. */
  end(error: BatonError): void {
    if (this.#stage === 'joined') {
      this.#options.metrics.add('baton_transfer_streams_cut_total', 1, { reason: error.code });
      this.#options.log.info(
        { router: this.#router, reason: error.code },
        'control stream ended by the service',
      );
    }
    // What can still go goes: the last reports are in it.
    this.#outbox.flush();
    this.lost();
    this.#carrier.end(error);
  }

  /** The stream is gone, from whichever side. */
  lost(): void {
    if (this.#stage === 'ended') return;
    const joined = this.#stage === 'joined';
    this.#stage = 'ended';
    this.#timer.cancel();
    this.#outbox.close();
    if (joined) this.#options.service.leave(this.#router, this);
  }

  #greet(message: NonNullable<RouterBatch['messages'][number]['message']>, batchLength: number): void {
    if (batchLength !== 1) {
      this.#refuse('malformed');
    } else if (this.#stage === 'hello' && message.$case === 'hello') {
      const step = this.#hello.hello(message.value);
      if (!step.ok) {
        this.#refuse(step.refusal);
        return;
      }
      this.#stage = 'proof';
      this.send({ $case: 'challenge', value: step.value });
    } else if (this.#stage === 'proof' && message.$case === 'proof') {
      const step = this.#hello.proof(message.value);
      if (!step.ok) {
        this.#refuse(step.refusal);
        return;
      }
      this.#timer.cancel();
      this.#router = step.value;
      this.#stage = 'joined';
      this.#options.service.join(this.#router, this);
    } else {
      this.#refuse('malformed');
    }
  }

  #refuse(reason: HelloRefusal): void {
    if (!this.pending) return;
    this.#options.metrics.add('baton_transfer_hello_refused_total', 1, { reason });
    this.#options.log.warn({ peer: this.#carrier.peer, reason }, 'control stream refused');
    this.lost();
    this.#carrier.end(new BatonError('hello_refused', reason));
  }
}
