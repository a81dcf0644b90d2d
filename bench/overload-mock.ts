// A vLLM with NixlConnector as the router sees one, which waits instead of computing: prompts one after the other, answers side by
// side, a token of each per step. What it answers follows from the prompt; from blocks of another prompt something else.
//   node bench/overload-mock.ts '{"stepMs":25,"tokenMs":0.1,"sequences":8,"blocks":512}'     prints its port
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export const MOCK_BLOCK_TOKENS = 16;

export interface MockPace {
  stepMs: number;
  tokenMs: number;
  sequences: number;
  blocks: number;
}

interface Body {
  prompt: number[];
  max_tokens: number;
  stream?: boolean;
  kv_transfer_params?: { do_remote_decode?: boolean; remote_request_id?: string };
}

interface Sequence {
  body: Body;
  response: ServerResponse;
  /** Of the prompt whose KV it has. */
  kv: string;
  /** Prompt tokens that it still has to compute. */
  uncomputed: number;
  blocks: number;
  made: number;
}

export const promptName = (prompt: readonly number[]): string =>
  createHash('sha256').update(prompt.join()).digest('hex').slice(0, 16);

/** The nth token after a prompt. */
export const mockToken = (name: string, n: number): number =>
  createHash('sha256').update(`${name} ${n}`).digest().readUInt16LE(0);

class MockVllm {
  private readonly pace: MockPace;
  private readonly waiting: Sequence[] = [];
  private readonly running = new Set<Sequence>();
  private wake: () => void = () => undefined;

  constructor(pace: MockPace) {
    this.pace = pace;
  }

  take(body: Body, response: ServerResponse): void {
    const own = promptName(body.prompt);
    const from = body.kv_transfer_params?.remote_request_id;
    const blocks = Math.ceil((body.prompt.length + body.max_tokens) / MOCK_BLOCK_TOKENS);
    const uncomputed = from === undefined ? body.prompt.length : 1;
    const sequence = { body, response, kv: from?.split('-').at(-1) ?? own, uncomputed, blocks, made: 0 };
    this.waiting.push(sequence);
    response.once('close', () => this.running.delete(sequence));
    this.wake();
  }

  /** Steps for ever. */
  async run(): Promise<never> {
    const { stepMs, tokenMs } = this.pace;
    let due = performance.now();
    for (;;) {
      this.admit();
      if (this.running.size === 0) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        due = performance.now();
        continue;
      }
      // One prompt at a time, beside the others' next tokens.
      const prompt = [...this.running].find(({ uncomputed }) => uncomputed > 1);
      due += stepMs + (prompt?.uncomputed ?? 0) * tokenMs;
      const early = due - performance.now();
      if (early > 0) await pause(early);
      else due = performance.now();
      for (const sequence of this.running) {
        if (sequence === prompt) sequence.uncomputed = 1;
        if (sequence.uncomputed === 1) this.token(sequence);
      }
    }
  }

  exposition(): string {
    const used = [...this.running].reduce((sum, { blocks }) => sum + blocks, 0);
    const { blocks } = this.pace;
    return [
      `vllm:num_requests_running{engine="0"} ${this.running.size}`,
      `vllm:num_requests_waiting{engine="0"} ${this.waiting.length}`,
      `vllm:kv_cache_usage_perc{engine="0"} ${used / blocks}`,
      `vllm:cache_config_info{block_size="${MOCK_BLOCK_TOKENS}",num_gpu_blocks="${blocks}"} 1\n`,
    ].join('\n');
  }

  private admit(): void {
    const { sequences, blocks } = this.pace;
    let used = [...this.running].reduce((sum, one) => sum + one.blocks, 0);
    for (let next = this.waiting[0]; next !== undefined; next = this.waiting[0]) {
      if (this.running.size >= sequences || used + next.blocks > blocks) return;
      this.waiting.shift();
      if (next.response.destroyed) continue;
      this.running.add(next);
      used += next.blocks;
    }
  }

  private token(sequence: Sequence): void {
    const { body, response, kv } = sequence;
    const id = mockToken(kv, sequence.made++);
    const last = sequence.made >= body.max_tokens;
    if (last) this.running.delete(sequence);
    if (body.stream !== true) {
      if (last) response.writeHead(200, { 'content-type': 'application/json' }).end(this.whole(sequence));
      return;
    }
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
    const finish = last ? 'length' : null;
    const choice = { index: 0, text: 'x', token_ids: [id], finish_reason: finish };
    response.write(`data: ${JSON.stringify({ object: 'text_completion', choices: [choice] })}\n\n`);
    if (last) response.end('data: [DONE]\n\n');
  }

  private whole({ body, kv }: Sequence): string {
    const tokens = body.prompt.length;
    const blocks = Array.from({ length: Math.ceil(tokens / MOCK_BLOCK_TOKENS) }, (_, i) => i);
    const params = {
      do_remote_prefill: true, do_remote_decode: false, remote_engine_id: 'mock', remote_request_id: `cmpl-${kv}`,
      remote_host: '127.0.0.1', remote_port: 5600, remote_block_ids: [blocks], remote_num_tokens: tokens,
    }; // prettier-ignore
    return JSON.stringify({
      object: 'text_completion',
      choices: [{ index: 0, text: 'x', finish_reason: 'length' }],
      usage: { prompt_tokens: tokens, completion_tokens: 1, total_tokens: tokens + 1 },
      ...(body.kv_transfer_params?.do_remote_decode === true ? { kv_transfer_params: params } : {}),
    });
  }
}

async function main(pace: MockPace): Promise<void> {
  const engine = new MockVllm(pace);
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(request.url === '/metrics' ? engine.exposition() : '');
      return;
    }
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (piece: string) => (text += piece));
    request.on('end', () => {
      engine.take(JSON.parse(text) as Body, response);
    });
  });
  server.listen(0, '127.0.0.1', () => {
    console.log((server.address() as AddressInfo).port);
  });
  process.stdin.resume().once('end', () => process.exit(0));
  await engine.run();
}

if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2] ?? '{}') as MockPace);
