// What a placement is predicted to cost: milliseconds to the first token.
import { ROUTER_LIMITS } from '../limits.ts';
import type { RoomAtOnce, RoomView } from './room.ts';

/** An engine as placement sees it. Lists of engines are sorted by name. */
export interface EngineView extends RoomView {
  readonly name: string;
  readonly node: string | null;
  /** Under which name what it can load is counted: its node's, or its own cache's; null: nothing is known. */
  readonly holder: string | null;
  readonly role: 'prefill' | 'decode' | 'both';
  /** Pairs are formed within one dialect. */
  readonly dialect: 'baton' | 'vllm-nixl' | 'local';
  readonly healthy: boolean;
  /** Hex of the namespace it is attached with, its service up and taking tickets; null: no handoff. */
  readonly namespace: string | null;
  /** Uncached tokens of prompts that it still has to compute. */
  readonly pendingTokens: number;
  /** Requests that decode on it. */
  readonly running: number;
  /** Requests of others on it, running or waiting, as far as it tells. */
  readonly others: number;
  readonly prefillTokensPerS: number;
  /** When it last computed a prompt; null: nothing was measured, that rate is an assumption. */
  readonly measuredAt: number | null;
  /** Of an answer: how long it takes for each token that its request allows it; Infinity until measured. */
  readonly decodeMsPerToken: number;
  /** What a token that it pulls itself (dialect vllm-nixl) adds to its first token; 0 until measured. */
  readonly pullMsPerToken: number;
}

export interface Transfer {
  bytesPerToken: number;
  layers: number;
  bytesPerS: number;
}

export interface Cost {
  queueMs: number;
  prefillMs: number;
  transferMs: number;
  /** How long the decode engine's room is waited for beyond all that. */
  roomMs: number;
  /** The first token is predicted after so long. */
  firstTokenMs: number;
  /** What is compared: others that wait for it are charged too. */
  totalMs: number;
  /** From when on it waits for that room, when it will have it, and for how long. */
  readyMs: number;
  roomInMs: number;
  holdsMs: number;
}

const computeMs = (engine: EngineView, tokens: number): number => (tokens * 1000) / engine.prefillTokensPerS;
const decodeMs = (engine: EngineView): number =>
  (engine.running + engine.others) * ROUTER_LIMITS.runningCostMs;

/**
 * Prefill on the decode engine, which needs its room from the beginning. Its own sequences wait meanwhile: a share of the prefill
 * time is charged for them.
 */
export function localCost(
  decode: EngineView,
  uncached: number,
  answerMs: number,
  roomFor: (holdsMs: number) => RoomAtOnce,
): Cost {
  const queueMs = computeMs(decode, decode.pendingTokens) + decodeMs(decode);
  const prefillMs = computeMs(decode, uncached) * (1 + ROUTER_LIMITS.interference);
  const { inMs: roomInMs, delaysMs } = roomFor(queueMs + prefillMs + answerMs);
  const firstTokenMs = Math.max(queueMs, roomInMs) + prefillMs;
  return {
    queueMs,
    prefillMs,
    transferMs: 0,
    roomMs: Math.max(0, roomInMs - queueMs),
    firstTokenMs,
    totalMs: firstTokenMs + delaysMs,
    readyMs: 0,
    roomInMs,
    holdsMs: firstTokenMs - roomInMs + answerMs,
  };
}

/** The part of a handoff that depends on the prefill engine alone. */
export function prefillCost(prefill: EngineView, uncached: number): number {
  return computeMs(prefill, prefill.pendingTokens + uncached);
}

/**
 * Prefill elsewhere, while the decode engine, which has room in `roomInMs`, goes on: over the bus layers cross while later ones are
 * computed, so only the last one's bytes are exposed; an engine that pulls begins when all has been computed.
 */
export function handoffCost(
  prefill: EngineView,
  decode: EngineView,
  uncached: number,
  lacking: number,
  transfer: Transfer,
  handoffMs: number,
  answerMs: number,
  roomInMs: number,
): Cost {
  const queueMs = computeMs(prefill, prefill.pendingTokens) + decodeMs(decode);
  const prefillMs = computeMs(prefill, uncached);
  const transferMs = exposedMs(prefill, decode, lacking, transfer) + handoffMs;
  const readyMs = queueMs + prefillMs + transferMs;
  const firstTokenMs = Math.max(readyMs, roomInMs);
  return {
    queueMs,
    prefillMs,
    transferMs,
    roomMs: firstTokenMs - readyMs,
    firstTokenMs,
    totalMs: firstTokenMs,
    readyMs,
    roomInMs: firstTokenMs,
    holdsMs: answerMs,
  };
}

function exposedMs(prefill: EngineView, decode: EngineView, lacking: number, transfer: Transfer): number {
  if (decode.dialect === 'vllm-nixl') return lacking * decode.pullMsPerToken;
  if (prefill.node === decode.node) return 0;
  return (lacking * transfer.bytesPerToken * 1000) / transfer.bytesPerS / Math.max(1, transfer.layers);
}
