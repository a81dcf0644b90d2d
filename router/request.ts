// All that one request carries through its journey. Stages keep nothing of their own; each field names who fills and who
// reads it. The stages: admit → render → match → place → reserve → prefill → handoff → decode → settle.
import type { ScannedObject } from './api/json-scan.ts';
import type { ChatPrompt } from './api/chat.ts';
import type { CompletionPrompt } from './api/completions.ts';
import type { Params } from './api/params.ts';
import { Cancel } from './cancel.ts';
import { baton } from './dialects/baton.ts';
import type { Dialect } from './dialects/dialect.ts';
import { local } from './dialects/local.ts';
import type { EngineParams } from './dialects/nixl-params.ts';
import { vllmNixl } from './dialects/vllm-nixl.ts';
import type { Downstream, EdgeRequest, EngineAnswer, Leg } from './edge/contract.ts';
import type { CollectedLeg } from './edge/collect.ts';
import type { JourneyRecord } from './journeys.ts';
import type { Model } from './models.ts';
import type { Cost } from './placement/cost.ts';
import type { Excluded, PlacementMode } from './placement/decide.ts';
import type { Promised } from './placement/room.ts';
import type { Engine } from './pools.ts';
import type { State } from './states.ts';
import type { Tenant } from './tenants.ts';
import type { Ticket } from './tickets.ts';

export type Endpoint = 'chat' | 'completions';

/** A prompt's names. */
export interface Named {
  /** Hex of the namespace digest. */
  namespaceHex: string;
  namespace: Uint8Array;
  chunkTokens: number;
  /** n × 32 bytes. */
  keys: Uint8Array;
  /** Tokens per chunk. */
  counts: Uint32Array;
  /** The ids as JSON. */
  idsJson: string;
}

/** One placement and what was begun for it. Filled by place, reserve, prefill and decode; released by settle. */
export class Attempt {
  /** place → all: null in a local placement. */
  readonly prefill: Engine | null;
  readonly decode: Engine;
  /** place → settle, decode: tokens counted as pending on the engine that computes the prompt. */
  pending: number;
  /** place → decode: when that was, and how long until its first token was predicted, ms. */
  readonly placedAt: number;
  readonly firstTokenMs: number;
  /** place → decode: the engine that computes has room for it, so what it takes is a rate. */
  readonly roomAtOnce: boolean;
  /** place → decode, settle: room promised on the decode engine. */
  readonly promised: Promised;
  /** reserve → prefill, handoff, decode, settle. */
  ticket: Ticket | null = null;
  /** prefill → handoff, settle. */
  prefillLeg: CollectedLeg | null = null;
  /** handoff → decode: what the prefill engine's answer says of its KV; null: nothing that may be passed on. */
  engineParams: EngineParams | null = null;
  /** decode → settle. */
  decodeLeg: Leg | null = null;
  /** Any leg's request reached a connection. */
  sentUpstream = false;

  constructor(
    engines: { prefill: Engine | null; decode: Engine },
    pending: number,
    promised: Promised,
    now: number,
    { firstTokenMs, roomInMs }: Cost,
  ) {
    this.prefill = engines.prefill;
    this.decode = engines.decode;
    this.pending = pending;
    this.promised = promised;
    this.placedAt = now;
    this.firstTokenMs = firstTokenMs;
    this.roomAtOnce = engines.prefill !== null || roomInMs === 0;
  }

  get dialect(): Dialect {
    if (this.prefill === null) return local;
    return this.prefill.dialect === 'vllm-nixl' ? vllmNixl : baton;
  }

  get computing(): Engine {
    return this.prefill ?? this.decode;
  }
}

export class RequestContext {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly edge: EdgeRequest;
  readonly downstream: Downstream;
  readonly arrived: number;
  readonly deadline: number;
  readonly record: JourneyRecord;
  readonly cancel = new Cancel();

  /** admit → settle: what admission counted. */
  admitted = false;
  bytesTaken = 0;
  /** render → settle. */
  tokensTaken = 0;

  /** admit → render, reserve. */
  tenant: Tenant | null = null;
  /** admit → place: mode by a trusted caller, and whether it wants the decision explained. */
  mode: PlacementMode | null = null;
  explain = false;
  /** admit → render, dialects. */
  body: ScannedObject | null = null;
  params: Params | null = null;
  prompt: ChatPrompt | CompletionPrompt | null = null;
  model: Model | null = null;

  /** render → dialects: the engine's cache salt. */
  rootHex = '';
  /** render → match, place, reserve, dialects. Null: unnamed. */
  named: Named | null = null;
  /** render → match: the prompt's ids where they are known and are all that its KV depends on. */
  tokens: Uint32Array | null = null;
  /** render, journey → place: why no ticket is possible. */
  localBecause: string | null = null;
  /** render, decode → place: engines of dialect vllm-nixl may hand this prompt over among themselves. */
  direct = false;
  /** decode: attempts whose decode engine began to answer after the lease of the blocks it pulled. */
  leasesMissed = 0;
  /** render → place: counted where named, else estimated. */
  promptTokens = 0;
  outputTokens = 0;

  /** match → place: tokens of this prompt that each node, or engine's own cache, holds. */
  held: ReadonlyMap<string, number> = NOTHING;

  /** journey → place: engines that failed this request. */
  excluded: Excluded = NONE_EXCLUDED;
  attempt: Attempt | null = null;
  attempts = 0;
  /** journey: attempts that sent something to an engine. */
  sentAttempts = 0;
  /** decode, handoff → journey: an engine's own judgement on the request, relayed as it is. */
  refusal: EngineAnswer | null = null;
  /** step: where it is, until when it may be there, and who waits there and is told when that has passed. */
  state: State = 'arrived';
  until: number;
  waiter: { expired(): void } | null = null;
  renewAt = 0;

  constructor(
    id: string,
    endpoint: Endpoint,
    edge: EdgeRequest,
    downstream: Downstream,
    now: number,
    deadline: number,
    record: JourneyRecord,
  ) {
    this.id = id;
    this.endpoint = endpoint;
    this.edge = edge;
    this.downstream = downstream;
    this.arrived = now;
    this.deadline = this.until = deadline;
    this.record = record;
  }

  /** From now on this request is not placed on that engine in that part. */
  exclude(part: keyof Excluded, engine: string): void {
    const { excluded } = this;
    this.excluded = { ...excluded, [part]: new Set([...excluded[part], engine]) };
  }
}

export const NOTHING: ReadonlyMap<string, number> = new Map();
const NONE_EXCLUDED: Excluded = { prefill: new Set(), decode: new Set(), target: new Set() };

/** A field that an earlier stage has filled. */
export function filled<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`${what} is missing: stages ran out of order`);
  return value;
}
