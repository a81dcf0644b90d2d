// place, as a pure function: a snapshot in, a decision with all that it weighed out.
import { ROUTER_LIMITS } from '../limits.ts';
import { handoffCost, localCost, prefillCost, type Cost, type EngineView, type Transfer } from './cost.ts';
import { roomAtOnceInMs, roomInMs, type Wanted } from './room.ts';

export type PlacementMode = 'auto' | 'disaggregated' | 'local';

export interface Excluded {
  /** Engines that may not prefill, decode, or be the target of a ticket any more. */
  prefill: ReadonlySet<string>;
  decode: ReadonlySet<string>;
  target: ReadonlySet<string>;
}

export interface PlaceInput {
  engines: readonly EngineView[];
  mode: PlacementMode;
  /** An attempt failed: local is allowed in every mode when no pair is left. */
  fallback: boolean;
  /** Hex of the namespace that the prompt's keys were made for; null: unnamed, so local. */
  namespace: string | null;
  /** Engines of dialect vllm-nixl may hand this prompt over among themselves, named or not. */
  direct: boolean;
  /** Why no ticket is possible whatever the mode says; null: no such reason. */
  localBecause: string | null;
  promptTokens: number;
  /** Prompt and output, and the sequences that generate it: what a decode engine must have room for. */
  room: Wanted;
  /** Tokens that each sequence may have. */
  answerTokens: number;
  /** Share of its KV room that a decode engine may have promised ahead of its being free. */
  roomAhead: number;
  /** Room must be there so soon: the decode leg waits no longer for its first token. */
  roomWithinMs: number;
  /** And on an engine that pulls: its peer does not keep the blocks for long. */
  pullWithinMs: number;
  /** When the first token must be there. */
  firstTokenWithinMs: number;
  /** Of the clock that promises end by. */
  now: number;
  /** Tokens of this prompt that a node, or an engine's own cache, holds. */
  cachedOn(holder: string | null): number;
  excluded: Excluded;
  transferTo(node: string | null): Transfer;
  handoffMs: number;
  /** Uniform in [0, 1): chooses among equal costs. */
  unit: () => number;
}

export interface Candidate extends Cost {
  kind: 'local' | 'disaggregated';
  prefill: string | null;
  decode: string;
  /** Tokens that need not be computed. */
  cachedTokens: number;
}

export interface Decision {
  chosen: Candidate | null;
  candidates: Candidate[];
  /** Why this kind, or why nothing. */
  reason: string;
  refusal: 'no_worker' | 'no_room' | 'overloaded' | null;
  /** By how much the least first token would come too late; null: it would not, or nothing can be foreseen. */
  lateMs: number | null;
}

export function decide(input: PlaceInput): Decision {
  const { room, roomAhead } = input;
  const decoders = input.engines.filter(
    (e) => e.healthy && e.role !== 'prefill' && !input.excluded.decode.has(e.name),
  );
  const roomy = decoders.filter((e) => e.freeTokens + roomAhead * e.kvTokens >= room.tokens);
  if (decoders.length > 0 && roomy.length === 0) return refused('no_room', 'no decode engine has room');
  const decision = decideAmong(input, roomy);
  return decision.chosen === null ? decision : inTime(input, decision, decision.chosen);
}

function refused(refusal: Decision['refusal'], reason: string): Decision {
  return { chosen: null, candidates: [], reason, refusal, lateMs: null };
}

/**
 * Nothing is begun whose first token would come too late, whatever makes it late: what there is to compute, or the room to
 * decode in.
 */
function inTime(input: PlaceInput, decision: Decision, chosen: Candidate): Decision {
  const lateMs = chosen.firstTokenMs - input.firstTokenWithinMs;
  if (lateMs <= 0) return decision;
  if (unproven(input, chosen))
    return { ...decision, reason: `${decision.reason}; how quick it is now is tried` };
  const { candidates } = decision;
  return lateMs <= chosen.roomMs
    ? { ...refused('no_room', 'no decode engine has room in time'), candidates, lateMs }
    : { ...refused('overloaded', 'the first token would come too late'), candidates, lateMs };
}

/** An engine that has nothing to do and has long done nothing: if it only was slow, nothing but trying it will tell. */
function unproven({ engines, now }: PlaceInput, { prefill, decode, roomMs }: Candidate): boolean {
  const computing = engines.find(({ name }) => name === (prefill ?? decode));
  if (computing === undefined || computing.pendingTokens > 0 || roomMs > 0) return false;
  const { measuredAt } = computing;
  return measuredAt !== null && now - measuredAt > ROUTER_LIMITS.rateTrustMs;
}

function decideAmong(input: PlaceInput, roomy: readonly EngineView[]): Decision {
  const { mode, localBecause } = input;
  if (localBecause !== null && !input.direct) return pick(input, locals(input, roomy), localBecause);
  if (mode === 'local') return pick(input, locals(input, roomy), 'mode local');
  const pairs = PAIRING.flatMap((dialect) => pairCandidates(input, roomy, dialect));
  if (mode === 'auto') return pick(input, [...locals(input, roomy), ...pairs], 'lowest cost');
  if (pairs.some(possible) || !input.fallback) return pick(input, pairs, 'mode disaggregated');
  return pick(input, locals(input, roomy), 'fallback: no pair is left');
}

/** Its room can be foreseen. */
const possible = ({ totalMs }: Candidate): boolean => totalMs !== Infinity;

function pick(input: PlaceInput, all: readonly Candidate[], reason: string): Decision {
  const candidates = all.filter(possible);
  const chosen = cheapest(candidates, input.unit);
  if (chosen !== null) return { chosen, candidates, reason, refusal: null, lateMs: null };
  return all.length > 0
    ? refused('no_room', 'no decode engine has room')
    : refused('no_worker', 'no healthy engine or pair');
}

function locals(input: PlaceInput, roomy: readonly EngineView[]): Candidate[] {
  return roomy.map((decode) => localCandidate(input, decode));
}

// The dialects whose engines form pairs.
const PAIRING = ['baton', 'vllm-nixl'] as const;

/** Whether an engine can be one end of a handoff of this prompt. */
function ready(input: PlaceInput, engine: EngineView, dialect: EngineView['dialect']): boolean {
  if (engine.dialect !== dialect) return false;
  if (dialect === 'vllm-nixl') return input.direct;
  const { namespace, localBecause } = input;
  return (
    localBecause === null && namespace !== null && engine.node !== null && engine.namespace === namespace
  );
}

function localCandidate(input: PlaceInput, decode: EngineView): Candidate {
  const cachedTokens = input.cachedOn(decode.holder);
  const cost = localCost(decode, input.promptTokens - cachedTokens, answerMs(input, decode), (holdsMs) => {
    const { inMs, delaysMs } = roomAtOnceInMs(decode, input.now, input.room, holdsMs);
    return { inMs: bounded(input, decode, inMs), delaysMs };
  });
  return { kind: 'local', prefill: null, decode: decode.name, cachedTokens, ...cost };
}

const answerMs = (input: PlaceInput, decode: EngineView): number =>
  input.answerTokens * decode.decodeMsPerToken;

/** Room that comes after a wait that somebody gives up is none. */
function bounded({ roomWithinMs, pullWithinMs }: PlaceInput, decode: EngineView, inMs: number): number {
  const most = decode.dialect === 'vllm-nixl' ? Math.min(roomWithinMs, pullWithinMs) : roomWithinMs;
  return inMs > most ? Infinity : inMs;
}

/**
 * For each decode engine the best prefill engine of its own node and the best of all: a cost is the sum of a prefill
 * engine's part and a decode engine's part, except that bytes within a node are not sent.
 */
function pairCandidates(
  input: PlaceInput,
  roomy: readonly EngineView[],
  dialect: EngineView['dialect'],
): Candidate[] {
  const prefills = input.engines.filter(
    (e) =>
      e.healthy && e.role !== 'decode' && ready(input, e, dialect) && !input.excluded.prefill.has(e.name),
  );
  const ranked = prefills
    .map((engine) => ({
      engine,
      ms: prefillCost(engine, input.promptTokens - input.cachedOn(engine.holder)),
      tie: input.unit(),
    }))
    .sort((a, b) => a.ms - b.ms || a.tie - b.tie);
  const candidates: Candidate[] = [];
  for (const decode of roomy) {
    if (!ready(input, decode, dialect) || input.excluded.target.has(decode.name)) continue;
    const inMs = bounded(input, decode, roomInMs(decode, input.now, input.room));
    const others = ranked.filter(({ engine }) => engine.name !== decode.name);
    const best = others[0]?.engine;
    const near = others.find(({ engine }) => engine.node === decode.node)?.engine;
    if (best !== undefined) candidates.push(pairCandidate(input, best, decode, inMs));
    if (near !== undefined && near !== best) candidates.push(pairCandidate(input, near, decode, inMs));
  }
  return candidates;
}

function pairCandidate(input: PlaceInput, prefill: EngineView, decode: EngineView, inMs: number): Candidate {
  const cachedTokens = input.cachedOn(prefill.holder);
  const lacking = input.promptTokens - input.cachedOn(decode.holder);
  const cost = handoffCost(
    prefill,
    decode,
    input.promptTokens - cachedTokens,
    lacking,
    input.transferTo(decode.node),
    input.handoffMs,
    answerMs(input, decode),
    inMs,
  );
  return { kind: 'disaggregated', prefill: prefill.name, decode: decode.name, cachedTokens, ...cost };
}

/** The lowest cost; among equal ones, in the order of names, chance chooses. */
function cheapest(candidates: readonly Candidate[], unit: () => number): Candidate | null {
  let best: Candidate | null = null;
  let others: Candidate[] | null = null;
  for (const candidate of candidates) {
    if (best === null || candidate.totalMs < best.totalMs) {
      best = candidate;
      others = null;
    } else if (candidate.totalMs === best.totalMs) (others ??= [best]).push(candidate);
  }
  return others === null ? best : (others[Math.floor(unit() * others.length)] ?? best);
}
