// A request's journey: the one ordered list of its stages, and the one place that decides whether a failed attempt is placed
// again.
import { BatonError, whereThrown } from '#core/errors.ts';
import { planted } from '#planted';
import { answerAsEngine, answerError, clientError } from './api/errors.ts';
import type { StageName } from './journeys.ts';
import { ROUTER_LIMITS } from './limits.ts';
import type { RequestContext } from './request.ts';
import { admit } from './stages/admit.ts';
import { decisionHeader, decode } from './stages/decode.ts';
import { handoff } from './stages/handoff.ts';
import { match } from './stages/match.ts';
import { place } from './stages/place.ts';
import { prefill } from './stages/prefill.ts';
import { render } from './stages/render.ts';
import { reserve } from './stages/reserve.ts';
import { settle, settleAttempt } from './stages/settle.ts';
import type { Event, State } from './states.ts';
import { step } from './step.ts';
import type { Stage, World } from './world.ts';

/** In their order, which states.ts keeps: an attempt that is given up leads back to match, since what has landed meanwhile counts. */
const STAGES = { admit, render, match, place, reserve, prefill, handoff, decode } satisfies Partial<
  Record<StageName, Stage>
>;
const stageOf = (state: State): Stage | undefined => (STAGES as Partial<Record<State, Stage>>)[state];

export interface RetryFacts {
  /** Was anything sent upstream in the attempt that failed? */
  sentUpstream: boolean;
  /** Were headers sent downstream? */
  headersSent: boolean;
  /** Attempts so far that sent something to an engine, and those that did not. */
  sentAttempts: number;
  unsentAttempts: number;
  attemptsMax: number;
}

/**
 * Whether a failed attempt may be placed again: what the table calls retryable, never after the head went out. Attempts that
 * made an engine work have the configured bound; a refused reservation costs little and has its own.
 */
export function mayRetry(error: BatonError, facts: RetryFacts): boolean {
  if (planted('retry_after_headers') && facts.headersSent) return facts.sentAttempts < facts.attemptsMax;
  if (facts.headersSent || !error.entry.retryable) return false;
  return facts.sentUpstream
    ? facts.sentAttempts < facts.attemptsMax || planted('unbounded_retry')
    : facts.unsentAttempts < ROUTER_LIMITS.unsentAttemptsMax;
}

/** Runs one request to its end; never rejects. */
export async function runJourney(ctx: RequestContext, world: World): Promise<void> {
  let failure: BatonError | null = null;
  try {
    await runStages(ctx, world);
  } catch (thrown) {
    failure = BatonError.from(thrown);
    if (failure.code === 'internal')
      world.log.error({ request: ctx.id, error: whereThrown(thrown) }, 'a defect ended this request');
  }
  settleAttempt(ctx, world, failure);
  if (failure !== null) answer(ctx, world, failure);
  step(ctx, world, failure === null ? 'done' : 'fail');
  settle(ctx, world, failure);
  step(ctx, world, 'settled');
}

async function runStages(ctx: RequestContext, world: World): Promise<void> {
  let earlier: BatonError | null = null;
  let event: Event = 'next';
  do {
    step(ctx, world, event);
    const { state } = ctx;
    try {
      ctx.cancel.check();
      const running = stageOf(state)?.(ctx, world);
      if (running !== undefined) await running;
      // Prefill and decode are one leg: nothing is handed over.
      event = state === 'place' && ctx.attempt?.prefill === null ? 'local' : 'next';
    } catch (thrown) {
      const error = BatonError.from(thrown);
      // That nothing is left to place on says less than why the last attempt failed.
      if (state === 'place') throw earlier ?? thrown;
      // Before the first placement there is nothing to place again.
      if (ctx.attempt === null || !again(ctx, world, error)) throw thrown;
      earlier = error;
      event = 'again';
    }
    // What may be placed again is for the table to say, also where the stage is over.
  } while (event === 'again' || stageOf(ctx.state) !== undefined);
}

/** Gives the attempt up; true: place again. */
function again(ctx: RequestContext, world: World, error: BatonError): boolean {
  if (ctx.attempt?.sentUpstream === true) ctx.sentAttempts++;
  const facts: RetryFacts = {
    sentUpstream: ctx.attempt?.sentUpstream ?? false,
    headersSent: ctx.downstream.headersSent,
    sentAttempts: ctx.sentAttempts,
    unsentAttempts: ctx.attempts - ctx.sentAttempts,
    attemptsMax: world.settings.limits.attempts,
  };
  settleAttempt(ctx, world, error);
  if (ctx.cancel.error !== null || !mayRetry(error, facts)) return false;
  if (facts.sentUpstream && !world.retries.spend()) {
    world.metrics.add('baton_router_retries_refused_total', 1, { code: error.code });
    return false;
  }
  world.metrics.add('baton_router_retries_total', 1, { code: error.code });
  world.log.info({ request: ctx.id, attempt: ctx.attempts, code: error.code }, 'placed again');
  return true;
}

/** Tells the client, unless it left or has been told by the end of its stream. */
function answer(ctx: RequestContext, world: World, failure: BatonError): void {
  world.log.info({ request: ctx.id, code: failure.code, attempts: ctx.attempts }, 'request failed');
  if (failure.code === 'client_closed' || ctx.downstream.headersSent) return;
  const { refusal } = ctx;
  if (failure.code === 'upstream_refused' && refusal?.contentType.includes('json') === true) {
    answerAsEngine(ctx.downstream, ctx.id, refusal, decisionHeader(ctx));
    return;
  }
  answerError(ctx.downstream, ctx.id, clientError(failure), decisionHeader(ctx));
}
