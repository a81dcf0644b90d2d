// Who is told what when a request is given up (its client left, its time is over, the router stops), by the state it is in and the
// dialect of its attempt. The stages do it by what they have begun, settle.ts by what it finds; a test compares. docs/states.md is
// generated from here.
import type { Dialect } from './dialect.ts';

/** At the services a ticket is aborted; an engine is told by closing the connection of its leg. */
export type Told =
  'target: abort' | 'source: abort' | 'tokenize leg: close' | 'prefill leg: close' | 'decode leg: close';

/** The states of a request in which it waits; within reserve it counts who has been asked. */
export type GivenUp =
  | 'admit'
  | 'render'
  | 'reserve: target asked'
  | 'reserve: source asked'
  | 'handoff'
  | 'decode'
  | 'stream'
  | 'stalled';

const BEFORE = { admit: [], render: ['tokenize leg: close'] } as const;
const UNRESERVED = { 'reserve: target asked': [], 'reserve: source asked': [] } as const;
const LOCAL = ['decode leg: close'] as const;
// Whoever was asked and has not answered may have granted meanwhile, so it is told too. What landed stays sealed.
const BOTH = ['target: abort', 'source: abort'] as const;
const ALL = [...BOTH, 'prefill leg: close', 'decode leg: close'] as const;

export const ABORTS: Readonly<Record<Dialect['name'], Readonly<Record<GivenUp, readonly Told[]>>>> = {
  baton: {
    ...BEFORE,
    'reserve: target asked': ['target: abort'],
    'reserve: source asked': BOTH,
    handoff: [...BOTH, 'prefill leg: close'],
    decode: ALL,
    stream: ALL,
    stalled: ALL,
  },
  // Between the legs nobody holds a connection: the prefill engine frees its blocks when their lease ends.
  'vllm-nixl': {
    ...BEFORE,
    ...UNRESERVED,
    handoff: ['prefill leg: close'],
    decode: LOCAL,
    stream: LOCAL,
    stalled: LOCAL,
  },
  local: { ...BEFORE, ...UNRESERVED, handoff: [], decode: LOCAL, stream: LOCAL, stalled: LOCAL },
};
