// decode: the leg whose answer the client gets. Judged before our head goes out, relayed afterwards.
import { BatonError } from '#core/errors.ts';
import { planted } from '#planted';
import { Relay, type RelayEvents } from '../edge/relay.ts';
import type { EngineAnswer, Fail } from '../edge/contract.ts';
import { explain } from '../placement/explain.ts';
import type { Engine } from '../pools.ts';
import { filled, type Attempt, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';
import { anew, step } from '../step.ts';
import { legFacts, legRequest } from './legs.ts';
import { allowedTokens, answerMs } from './place.ts';
import { beginPull, blamePull, leaseMissed, reported } from './pull.ts';

export function decode(ctx: RequestContext, world: World): Promise<void> {
  return new Promise((resolve, reject) => {
    new DecodeLeg(ctx, world, resolve, reject).send();
  });
}

/** What becomes of the leg; settles the stage once. */
class DecodeLeg implements RelayEvents {
  private readonly ctx: RequestContext;
  private readonly world: World;
  private readonly attempt: Attempt;
  private readonly resolve: () => void;
  private readonly reject: Fail;
  private readonly started: number;
  /** The decode engine has nothing else to do, so the time of a pull is a rate. */
  private readonly quiet: boolean;
  private readonly relay: Relay;
  /** The engine's connection broke, or nothing came over it. */
  private gone = false;
  /** How far the answer was when it was looked at last. */
  private seen: unknown = null;
  /** The client held its answer up, so its time tells nothing of the engine. */
  private held = false;
  private off: (() => void) | null = null;

  constructor(ctx: RequestContext, world: World, resolve: () => void, reject: Fail) {
    this.ctx = ctx;
    this.world = world;
    this.attempt = filled(ctx.attempt, 'attempt');
    this.resolve = resolve;
    this.reject = reject;
    this.started = world.clock.now();
    this.quiet = this.attempt.decode.running === 1 && this.attempt.decode.others === 0;
    beginPull(world, this.attempt, this.started);
    // Of an answer that comes whole nothing tells when it began.
    const { decode: engine, promised } = this.attempt;
    if (ctx.params?.stream !== true) engine.promised.begins(promised, this.started + answerMs(ctx, engine));
    this.relay = new Relay(reported(ctx.downstream, this.attempt), this);
  }

  send(): void {
    const { ctx, world, attempt, relay } = this;
    const engine = attempt.decode;
    if (!planted('cancel_unheard')) this.off = ctx.cancel.on((error) => { relay.stop(error); }); // prettier-ignore
    ctx.waiter = this;
    // What was taken from the prefill engine's answer bounds it too.
    anew(ctx, world, this.started);
    const request = legRequest(ctx, engine, attempt.dialect.decode(legFacts(ctx, engine)));
    const leg = world.upstream.send(engine.origin, request, relay);
    attempt.decodeLeg = leg;
    attempt.sentUpstream = true;
    relay.attach(leg);
  }

  expired(): void {
    const { ctx, world, relay } = this;
    if (ctx.state === 'stalled') this.cut();
    else if (ctx.state === 'stream' ? relay.reached !== this.seen : this.mayTakeLonger()) this.look();
    else {
      this.gone = true;
      world.pools.suspect(this.attempt.decode);
      relay.stop(
        ctx.state === 'stream'
          ? new BatonError('decode_interrupted', 'Nothing more came of the answer of the decode engine.')
          : (this.late() ?? new BatonError('decode_failed', 'The decode engine did not answer in time.')),
      );
    }
  }

  /** An answer is looked at from time to time: its events themselves are not timed. */
  private look(): void {
    this.seen = this.relay.reached;
    this.ctx.waiter = this;
    anew(this.ctx, this.world, this.world.clock.now());
  }

  /** A whole answer tells nothing of itself while it is generated: an engine that is up is given half of the time that was left. */
  private mayTakeLonger(): boolean {
    const { ctx, world, attempt, started } = this;
    if (ctx.params?.stream === true || !attempt.decode.healthy) return false;
    return world.clock.now() < started + (ctx.deadline - started) / 2;
  }

  private cut(): void {
    const { ctx, world } = this;
    world.metrics.add('baton_router_clients_cut_total');
    ctx.downstream.destroy();
    ctx.cancel.fire(new BatonError('client_closed'));
  }

  late(): BatonError | null {
    return leaseMissed(this.ctx, this.world, this.attempt);
  }

  good(): string[] {
    const { ctx } = this;
    firstToken(ctx, this.world, this.attempt, this.started, this.quiet);
    step(ctx, this.world, 'good');
    ctx.waiter = this;
    return ctx.explain ? ['x-request-id', ctx.id, ...decisionHeader(ctx)] : ['x-request-id', ctx.id];
  }

  done(): void {
    if (!this.held) answered(this.ctx, this.world, this.attempt.decode);
    this.over();
    this.resolve();
  }

  refused(answer: EngineAnswer): void {
    this.ctx.refusal = answer;
    this.over();
    this.reject(new BatonError('upstream_refused'));
  }

  broken(sent: boolean): void {
    const { pools } = this.world;
    this.gone = true;
    if (sent) pools.suspect(this.attempt.decode);
    else pools.down(this.attempt.decode);
  }

  stalled(waiting: boolean): void {
    this.held = true;
    step(this.ctx, this.world, waiting ? 'stall' : 'drain');
    this.ctx.waiter = this;
  }

  failed(error: BatonError): void {
    const { ctx, world, attempt } = this;
    if (error.code === 'engine_unavailable') world.pools.down(attempt.decode);
    const blamed = ctx.cancel.error === error || blamePull(ctx, world, attempt, error, this.gone);
    if (!blamed) ctx.exclude('decode', attempt.decode.name);
    this.over();
    this.reject(error);
  }

  private over(): void {
    this.ctx.waiter = null;
    this.off?.();
  }
}

/** The decision of the last placement, for callers that asked for it; a flat list of headers. */
export function decisionHeader(ctx: RequestContext): string[] {
  const last = ctx.record.attempts.at(-1);
  if (!ctx.explain || last === undefined) return [];
  const { attempts, promptTokens } = ctx;
  const { decision, mode, match } = last;
  return ['x-baton-decision', explain(decision, { attempt: attempts, mode, promptTokens, match })];
}

function firstToken(
  ctx: RequestContext,
  world: World,
  attempt: Attempt,
  started: number,
  quiet: boolean,
): void {
  const now = world.clock.now();
  ctx.record.firstToken = now;
  const kind = attempt.prefill === null ? 'local' : 'disaggregated';
  world.metrics.observe('baton_router_first_token_seconds', (now - ctx.arrived) / 1000, { kind });
  const { computing, pending } = attempt;
  if (ctx.params?.stream === true) {
    world.rates.sawFirstToken(attempt.decode.model, attempt.firstTokenMs, now - attempt.placedAt);
    if (attempt.prefill === null && attempt.roomAtOnce) computing.computed(pending, started, now);
  }
  if (attempt.engineParams !== null && ctx.params?.stream === true && quiet) {
    world.rates.sawPull(attempt.decode.name, attempt.decode.model, ctx.promptTokens, now - started);
  }
  computing.pendingTokens -= pending;
  attempt.pending = 0;
  const { decode, promised } = attempt;
  if (ctx.params?.stream === true) decode.promised.begins(promised, now + answerMs(ctx, decode));
}

function answered(ctx: RequestContext, world: World, decode: Engine): void {
  const { firstToken } = ctx.record;
  if (firstToken === null || ctx.params?.stream !== true) return;
  world.rates.sawDecode(decode.name, decode.model, allowedTokens(ctx), world.clock.now() - firstToken);
}
