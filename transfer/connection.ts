// A router's link to one service over any carrier: hello, redialling with jittered backoff, sequence numbers, answers as
// promises. client.ts carries it over gRPC; tests and the simulation may do so in memory.
import type { RouterBatch, ServiceBatch, Welcome } from '#proto/gen/baton/v1/transfer.ts';
import type { Clock, Timer } from '#core/clock.ts';
import { BatonError } from '#core/errors.ts';
import { LIMITS } from '#core/limits.ts';
import type { Logger } from '#core/log.ts';
import type { Random } from '#core/random.ts';
import { planted } from '#planted';
import { Answers } from './answers.ts';
import { PROTOCOL, RouterHello, type HelloRefusal } from './hello.ts';
import type { ExpectRequest, Granted, LinkEvents, OpenRequest, ServiceInfo, ServiceLink } from './link.ts';
import { Outbox } from './outbox.ts';
import { bytes, toProgress, toReport, type ToRouter, type ToService } from './wire.ts';

/** One dialled stream: what the carrier tells, and what it is told. */
export interface DialEvents {
  batch(batch: ServiceBatch): void;
  /** The stream has ended, for whatever reason; called once. */
  ended(reason: string): void;
}
export interface DialledStream {
  write(batch: RouterBatch, sent: () => void): void;
  /** Ends the stream; `ended` need not follow. */
  end(): void;
}

export interface ConnectionOptions {
  node: string;
  /** host:port of the service's control stream. */
  address: string;
  /** This router's name. */
  router: string;
  keys: readonly Uint8Array[];
  clock: Clock;
  random: Random;
  log: Logger;
  events: LinkEvents;
  turn?: (work: () => void) => void;
}

/** Never calls back before it has returned. */
export type Dial = (address: string, events: DialEvents) => DialledStream;

export class Connection implements ServiceLink {
  readonly #options: ConnectionOptions;
  readonly #dial: Dial;
  readonly #answers: Answers;
  /** Aborts and settles said while down; sent when the same life of the service is back. */
  #owed: ToService[] = [];
  #owedTo = 0n; // the incarnation they are meant for
  #stream: DialledStream | null = null;
  #outbox: Outbox<ToService> | null = null;
  #hello: RouterHello | null = null;
  #info: ServiceInfo | null = null;
  #former: ServiceInfo | null = null;
  #received = 0n;
  #sent = 0n;
  #failures = 0; // dials since a stream last stayed up
  #upAt = 0;
  #timer: Timer | null = null;
  #closed = false;

  constructor(dial: Dial, options: ConnectionOptions) {
    this.#dial = dial;
    this.#options = options;
    this.#answers = new Answers(options.clock, (ticket) => { this.abort(ticket, 'aborted'); }); // prettier-ignore
    this.#connect();
  }

  get node(): string {
    return this.#options.node;
  }

  info(): ServiceInfo | null {
    return this.#info;
  }

  open(request: OpenRequest): Promise<Granted> {
    return this.#ask('open', request, () => ({
      $case: 'open',
      value: {
        ...request,
        ticket: bytes(request.ticket),
        namespace: bytes(request.namespace),
        keys: bytes(request.keys),
        tokens: [...request.tokens],
        leaseMs: planted('lease_by_wall_clock')
          ? this.#options.clock.now() + request.leaseMs
          : request.leaseMs,
      },
    }));
  }

  expect(request: ExpectRequest): Promise<Granted> {
    return this.#ask('expect', request, () => ({
      $case: 'expect',
      value: {
        ...request,
        ticket: bytes(request.ticket),
        namespace: bytes(request.namespace),
        keys: bytes(request.keys),
        tokens: [...request.tokens],
        need: bytes(request.need),
      },
    }));
  }

  abort(ticket: Uint8Array, reason: string): void {
    this.#say({ $case: 'abort', value: { ticket: bytes(ticket), reason } });
  }

  renew(ticket: Uint8Array, leaseMs: number): void {
    if (this.#info !== null) this.#say({ $case: 'renew', value: { ticket: bytes(ticket), leaseMs } });
  }

  settle(ticket: Uint8Array): void {
    this.#say({ $case: 'settle', value: { ticket: bytes(ticket) } });
  }

  close(): Promise<void> {
    this.#closed = true;
    // The last aborts and settles go out with the stream's end.
    this.#outbox?.flush();
    this.#drop('closed');
    this.#timer?.cancel();
    return Promise.resolve();
  }

  #ask(
    kind: 'open' | 'expect',
    request: { ticket: Uint8Array; leaseMs: number },
    build: () => ToService,
  ): Promise<Granted> {
    if (this.#info === null || this.#outbox === null)
      return Promise.reject(new BatonError('service_lost', `no control stream to node ${this.node}`));
    const answer = this.#answers.wait(kind, request.ticket, Math.min(request.leaseMs, LIMITS.grantMs));
    if (answer.fresh) this.#outbox.push(build());
    return answer.promise;
  }

  #say(message: ToService): void {
    if (this.#closed) return;
    if (this.#info !== null) this.#outbox?.push(message);
    else if (this.#owed.length < LIMITS.ticketsPerStreamMax) this.#owed.push(message);
  }

  #connect(): void {
    const { router, keys, random, address, clock } = this.#options;
    this.#hello = new RouterHello(router, keys, random, address);
    this.#received = 0n;
    this.#sent = 0n;
    const hello = this.#hello.hello();
    if (!hello.ok) {
      this.#lost(refused(hello.refusal));
      return;
    }
    const events: DialEvents = {
      batch: (batch) => { if (this.#stream === stream) this.#receive(batch); },
      ended: (reason) => { if (this.#stream === stream) this.#lost(reason); },
    }; // prettier-ignore
    const stream = this.#dial(address, events);
    this.#stream = stream;
    this.#outbox = new Outbox<ToService>({
      ...this.#options,
      weigh: weighToService,
      write: (batch, _bytes, sent) => {
        this.#sent++;
        stream.write({ seq: this.#sent, messages: batch.map((message) => ({ message })) }, sent);
      },
      overflow: () => { this.#lost('the service does not read its stream'); },
    }); // prettier-ignore
    this.#timer = clock.after(LIMITS.helloMs, () => { this.#lost('no welcome within its bound'); }); // prettier-ignore
    this.#outbox.push({ $case: 'hello', value: hello.value });
  }

  #receive(batch: ServiceBatch): void {
    this.#received++;
    if (batch.seq !== this.#received && !planted('sequence_unchecked')) {
      this.#lost(`batch ${batch.seq} came in place of ${this.#received}`);
      return;
    }
    for (const { message } of batch.messages) {
      if (this.#stream === null) return;
      if (message === undefined) continue; // of a later version
      if (this.#info === null) this.#greeted(message);
      else this.#told(message);
    }
  }

  #greeted(message: ToRouter): void {
    if (message.$case === 'challenge') {
      const step = this.#hello?.challenge(message.value);
      if (step?.ok !== true) this.#lost(refused(step?.refusal ?? 'malformed'));
      else {
        this.#hello = null;
        this.#outbox?.push({ $case: 'proof', value: step.value });
      }
    } else if (message.$case === 'welcome' && this.#hello === null) this.#welcomed(message.value);
    else this.#lost(refused('malformed'));
  }

  #welcomed(welcome: Welcome): void {
    if (welcome.protocol !== PROTOCOL || welcome.node !== this.node) {
      this.#lost(refused(welcome.protocol === PROTOCOL ? 'wrong_node' : 'protocol'));
      return;
    }
    this.#timer?.cancel();
    this.#upAt = this.#options.clock.now();
    this.#info = {
      node: welcome.node,
      incarnation: welcome.incarnation,
      laneHost: welcome.laneHost,
      lanePort: welcome.lanePort,
      arenaBytes: Number(welcome.arenaBytes),
      version: welcome.version,
    };
    if (planted('stale_incarnation')) this.#info = this.#former ??= this.#info;
    this.#options.log.info({ node: this.node }, 'service connected');
    const owed = this.#owedTo === welcome.incarnation ? this.#owed : [];
    this.#owed = [];
    this.#owedTo = welcome.incarnation;
    for (const message of owed) this.#outbox?.push(message);
    this.#options.events.up(this.#info);
  }

  #told(message: ToRouter): void {
    const { events } = this.#options;
    if (message.$case === 'snapshot') {
      const { attachments, chunks, tickets, draining } = message.value;
      events.snapshot({
        attachments: attachments.flatMap((a) =>
          a.geometry === undefined ? [] : [{ ...a, geometry: a.geometry }],
        ),
        keys: chunks?.stored ?? new Uint8Array(0),
        tickets: tickets.flatMap((ticket) => toProgress(ticket) ?? []),
        draining,
      });
    } else if (message.$case === 'granted') {
      this.#answers.granted(message.value);
    } else if (message.$case === 'progress') {
      const progress = toProgress(message.value);
      if (progress !== null) events.progress(progress);
    } else if (message.$case === 'report') {
      const report = toReport(message.value);
      if (report === null) return;
      this.#answers.ended(report);
      events.report(report);
    } else if (message.$case === 'chunks') {
      events.chunks(message.value);
    } else if (message.$case === 'attachment') {
      const { engine, namespace, geometry, attached } = message.value;
      if (geometry !== undefined) events.attachment({ engine, namespace, geometry }, attached);
    } else if (message.$case === 'draining') {
      events.draining();
    } else {
      this.#lost(refused('malformed'));
    }
  }

  #lost(reason: string): void {
    const { clock, random } = this.#options;
    // Two routers of one name displace each other: a stream that did not last does not reset the backoff.
    if (this.#info !== null && clock.now() - this.#upAt >= LIMITS.redialMaxMs) this.#failures = 0;
    this.#drop(reason);
    if (this.#closed) return;
    const wait = Math.min(LIMITS.redialMaxMs, LIMITS.redialMinMs * 2 ** Math.min(this.#failures, 16));
    this.#failures++;
    this.#timer = clock.after(wait * (0.5 + random.unit() / 2), () => { this.#connect(); }); // prettier-ignore
  }

  #drop(reason: string): void {
    this.#timer?.cancel();
    this.#outbox?.close();
    this.#outbox = null;
    const stream = this.#stream;
    this.#stream = null;
    stream?.end();
    const wasUp = this.#info !== null;
    this.#info = null;
    // Asks without an answer are given up at the service too, once it is back.
    for (const ticket of this.#answers.lost(this.node)) this.abort(ticket, 'aborted');
    if (!this.#closed && (wasUp || this.#failures === 0))
      this.#options.log.warn({ node: this.node, reason }, 'service lost');
    if (wasUp) this.#options.events.down(reason);
    else if (!this.#closed) this.#options.events.notWelcomed?.(reason);
  }
}

const refused = (reason: HelloRefusal): string => `hello_refused: ${reason}`;

/** About how many bytes a message takes. */
export function weighToService(message: ToService): number {
  const overhead = 128;
  if (message.$case !== 'open' && message.$case !== 'expect') return overhead;
  return overhead + message.value.keys.length + 4 * message.value.tokens.length;
}
