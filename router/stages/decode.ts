// decode: the leg whose answer the client gets. Judged before our head goes out, relayed afterwards.
import { BatonError } from '#core/errors.ts';
import { baton } from '../dialects/baton.ts';
import { local } from '../dialects/local.ts';
import { Relay } from '../edge/relay.ts';
import type { EngineAnswer } from '../edge/contract.ts';
import { explain } from '../placement/explain.ts';
import { filled, type Attempt, type RequestContext } from '../request.ts';
import type { World } from '../world.ts';
import { legFacts, legRequest } from './legs.ts';

export function decode(ctx: RequestContext, world: World): Promise<void> {
  ctx.cancel.check();
  const attempt = filled(ctx.attempt, 'attempt');
  const engine = attempt.decode;
  const dialect = attempt.ticket === null ? local : baton;
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const started = world.clock.now();
  const finish = (settle: () => void): void => {
    ctx.alarm = null;
    off();
    settle();
  };
  const fail = (error: BatonError): void => {
    if (ctx.cancel.error !== error) ctx.excluded.decode.add(engine.name);
    finish(() => { reject(error); }); // prettier-ignore
  };
  const relay = new Relay(ctx.downstream, {
    good: () => {
      firstToken(ctx, world, attempt, started);
      return ['x-request-id', ctx.id, ...decisionHeader(ctx)];
    },
    done: () => {
      finish(() => {
        resolve(undefined);
      });
    },
    refused: (answer: EngineAnswer) => {
      ctx.refusal = answer;
      finish(() => { reject(new BatonError('upstream_refused')); }); // prettier-ignore
    },
    broken: (sent) => {
      if (sent) world.pools.suspect(engine);
      else world.pools.unreachable(engine);
    },
    failed: fail,
  });
  const off = ctx.cancel.on((error) => {
    relay.stop(error);
  });
  const { first_token_ms: firstMs } = world.settings.timeouts;
  ctx.alarm = {
    at: started + firstMs,
    ring: () => { relay.stop(new BatonError('decode_failed', `No first token within ${firstMs} ms.`)); },
  }; // prettier-ignore
  const leg = world.upstream.send(
    engine.origin,
    legRequest(ctx, engine, dialect.decode(legFacts(ctx, engine))),
    relay,
  );
  attempt.decodeLeg = leg;
  attempt.sentUpstream = true;
  relay.attach(leg);
  return promise;
}

/** The decision of the last placement, for callers that asked for it; a flat list of headers. */
export function decisionHeader(ctx: RequestContext): string[] {
  const last = ctx.record.attempts.at(-1);
  if (!ctx.explain || last === undefined) return [];
  const { attempts, promptTokens } = ctx;
  const { decision, mode, match } = last;
  return ['x-baton-decision', explain(decision, { attempt: attempts, mode, promptTokens, match })];
}

function firstToken(ctx: RequestContext, world: World, attempt: Attempt, started: number): void {
  const now = world.clock.now();
  ctx.alarm = null;
  ctx.record.firstToken = now;
  const kind = attempt.prefill === null ? 'local' : 'disaggregated';
  world.metrics.observe('baton_router_first_token_seconds', (now - ctx.arrived) / 1000, { kind });
  const { computing, pending } = attempt;
  if (attempt.prefill === null && ctx.params?.stream === true && attempt.alone) {
    world.rates.sawPrefill(computing.name, computing.model, pending, now - started);
  }
  computing.pendingTokens -= pending;
  attempt.pending = 0;
}
