// Two vLLM 0.32 engines with NixlConnector as the router sees them: they answer from recorded exchanges (test/fixtures/vllm-0.32.0),
// and a decode worker answers bad params as the real one was seen to, wrong text and deaths included.
import { readFileSync } from 'node:fs';
import { answerError, startMockEngine, type MockEngine, type SeenRequest } from './mock-engine.ts';

type Json = Record<string, unknown>;
interface Exchange {
  usage: Json;
  kv_transfer_params: Json;
}

const folder = new URL('../fixtures/vllm-0.32.0/', import.meta.url);
const recorded = JSON.parse(readFileSync(new URL('nixl-legs.json', folder), 'utf8')) as Record<string, Json>;
const whole = recorded['short'] as {
  leg1_response: Json & Exchange;
  leg2_response: Json & { choices: Json[]; usage: Json };
};

/** What the recorded decode leg generates, and what it generates from blocks that hold something else. */
export const RIGHT_TEXT = String(whole.leg2_response.choices[0]?.['text']);
export const GARBAGE = ' top top top';

let ids = 0;
const BLOCK_TOKENS = 128;
const BLOCKS = 2048;

export type Recorded = 'short' | '700tok_only_params' | '1000tok_only_params';

/** The blocks that a prefill worker keeps for one request. */
interface Held {
  blocks: number[];
  tokens: number;
  state: 'held' | 'read' | 'freed';
}

export interface PrefillWorker {
  engine: MockEngine;
  /** By remote_request_id. */
  held: Map<string, Held>;
  exchange: Recorded;
  /** The JSON text of the params that its answer carries, changed on its way; null: the answer has none. */
  tamper: (params: string) => string | null;
  /** Awaited before it answers. */
  before: (seen: SeenRequest) => Promise<void> | void;
  /** Its connection ends after so many bytes of the answer's body; null: it does not. */
  cutAfter: number | null;
  /** The lease of everything it holds ends. */
  expire(): void;
}

export async function startPrefillWorker(): Promise<PrefillWorker> {
  const engine = await startMockEngine();
  const worker: PrefillWorker = {
    engine,
    held: new Map(),
    exchange: 'short',
    tamper: (params) => params,
    before: () => undefined,
    cutAfter: null,
    expire() {
      for (const held of this.held.values()) held.state = 'freed';
    },
  };
  engine.script = async (seen) => {
    const asked = seen.json['kv_transfer_params'] as Json | undefined;
    await worker.before(seen);
    if (seen.response.destroyed) return;
    const { usage, kv_transfer_params: params } =
      worker.exchange === 'short' ? whole.leg1_response : (recorded[worker.exchange] as unknown as Exchange);
    const id = `cmpl-${(ids++).toString(16).padStart(16, '0')}-0-a8c8b202`;
    worker.held.set(id, {
      blocks: (params['remote_block_ids'] as number[][]).flat(),
      tokens: Number(params['remote_num_tokens']),
      state: 'held',
    });
    const own =
      asked?.['do_remote_decode'] === true
        ? worker.tamper(JSON.stringify({ ...params, remote_request_id: id }))
        : null;
    const answer = JSON.stringify({ ...whole.leg1_response, usage, kv_transfer_params: 'PARAMS' }).replace(
      '"PARAMS"',
      () => own ?? 'null',
    );
    const { response } = seen;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(answer),
    });
    if (worker.cutAfter === null) response.end(answer);
    else response.write(answer.slice(0, worker.cutAfter), () => response.destroy());
  };
  return worker;
}

export interface DecodeWorker {
  engine: MockEngine;
  /** vLLM's kv_load_failure_policy. */
  policy: 'fail' | 'recompute';
  /** Awaited before it pulls: its queue. */
  queue: (seen: SeenRequest) => Promise<void> | void;
  /** A stream's connection ends after so many events; null: it does not. */
  cutAfterEvents: number | null;
  /** prompt_tokens_details are on: whatever it pulled counts as cached. */
  details: boolean;
  /** Texts that it generated. */
  generated: string[];
  dead: boolean;
}

export async function startDecodeWorker(peers: readonly PrefillWorker[]): Promise<DecodeWorker> {
  const engine = await startMockEngine();
  const worker: DecodeWorker = {
    engine, policy: 'fail', queue: () => undefined, cutAfterEvents: null, details: false, generated: [], dead: false,
  }; // prettier-ignore
  engine.script = async (seen) => {
    await worker.queue(seen);
    if (seen.response.destroyed) return;
    const params = (seen.json['kv_transfer_params'] ?? null) as Json | null;
    const outcome = pulled(worker, params, peers);
    if (outcome === 'dies') {
      worker.dead = true;
      await answerError(500, 'InternalServerError')(seen);
      await engine.kill();
    } else if (outcome === 'error') fail(seen);
    else answer(worker, seen, outcome === 'right' ? RIGHT_TEXT : GARBAGE, params !== null);
  };
  return worker;
}

type Outcome = 'right' | 'garbage' | 'error' | 'dies';

/** What vLLM 0.32 was seen to make of params, by what is wrong with them. */
function pulled(worker: DecodeWorker, params: Json | null, peers: readonly PrefillWorker[]): Outcome {
  if (params?.['do_remote_prefill'] !== true) return 'right';
  const groups = params['remote_block_ids'] as number[][] | null | undefined;
  const named = ['remote_engine_id', 'remote_request_id', 'remote_host', 'remote_port'].every(
    (key) => params[key] != null,
  );
  if (!named || groups == null) return 'dies';
  const blocks = groups.flat();
  if (blocks.length * BLOCK_TOKENS < Number(params['remote_num_tokens'])) return 'dies';
  const failed: Outcome = worker.policy === 'recompute' ? 'right' : 'error';
  const peer = peers.find(({ held }) => held.has(String(params['remote_request_id'])));
  if (params['remote_engine_id'] !== whole.leg1_response.kv_transfer_params['remote_engine_id'])
    return failed;
  if (params['remote_port'] !== whole.leg1_response.kv_transfer_params['remote_port']) return failed;
  if (blocks.some((id) => id >= BLOCKS)) return failed;
  if (peer?.engine.healthy === false) return failed;
  const held = peer?.held.get(String(params['remote_request_id']));
  if (held?.state !== 'held' || String(held.blocks) !== String(blocks)) return 'garbage';
  held.state = 'read';
  return 'right';
}

/** A pull that failed: 500, but a stream's head has gone out by then. */
function fail(seen: SeenRequest): void {
  if (seen.json['stream'] !== true) {
    void answerError(500, 'InternalServerError')(seen);
    return;
  }
  const error = { message: 'Internal server error', type: 'InternalServerError', param: null, code: 500 };
  seen.response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  seen.response.end(`data: ${JSON.stringify({ error })}\n\ndata: [DONE]\n\n`);
}

function answer(
  worker: DecodeWorker,
  { json, response }: SeenRequest,
  text: string,
  fromPeer: boolean,
): void {
  worker.generated.push(text);
  const { usage: recordedUsage, choices, ...rest } = whole.leg2_response;
  const cached = fromPeer ? recordedUsage['prompt_tokens'] : 0;
  const usage = {
    ...recordedUsage,
    prompt_tokens_details: worker.details ? { cached_tokens: cached } : null,
  };
  if (json['stream'] !== true) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ ...rest, choices: [{ ...choices[0], text }], usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  const words = text.match(/ ?[^ ]+/g) ?? [];
  const events = words.map((word, i) => ({
    ...rest,
    choices: [
      { index: 0, text: word, logprobs: null, finish_reason: i === words.length - 1 ? 'length' : null },
    ],
  }));
  const wanted = (json['stream_options'] as { include_usage?: boolean } | undefined)?.include_usage === true;
  const all = [...events, ...(wanted ? [{ ...rest, choices: [], usage }] : [])];
  const shown = worker.cutAfterEvents === null ? all : all.slice(0, worker.cutAfterEvents);
  for (const event of shown) response.write(`data: ${JSON.stringify(event)}\n\n`);
  if (worker.cutAfterEvents === null) response.end('data: [DONE]\n\n');
  else response.write('', () => response.destroy());
}
