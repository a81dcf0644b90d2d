// What clients ask: an excerpt of the Mooncake conversation trace (test/fixtures/sim/README.md), scaled down so that one of its blocks of
// 512 tokens is one chunk of 8. Prompts that share blocks there share chunks here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Chance } from './random.ts';

export const CHUNK_TOKENS = 8;
const TRACE_BLOCK = 512;

export interface Ask {
  id: string;
  at: number;
  tenant: number;
  prompt: number[];
  maxTokens: number;
  stream: boolean;
  /** Leaves so long after it asked; null: stays. */
  leavesAfter: number | null;
  /** Time it takes over each piece of the answer, ms. */
  readMs: number;
  mode: 'auto' | 'disaggregated' | 'local' | null;
}

type Row = [timestamp: number, inputLength: number, outputLength: number, blocks: number[]];

const TRACE: readonly Row[] = readFileSync(
  join(import.meta.dirname, '../fixtures/sim/conversation.jsonl'),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);

/** `crowd`: many who ask for little. */
export function workload(chance: Chance, from: number, ms: number, crowd: boolean): Ask[] {
  const count = crowd ? chance.whole(75, 90) : chance.whole(15, 45);
  const first = chance.whole(0, TRACE.length - count);
  const bursts = chance.chance(0.3);
  const asks: Ask[] = [];
  for (let i = 0; i < count; i++) {
    const [, inputLength, outputLength, blocks] = TRACE[first + i] ?? [0, 1, 1, [0]];
    const at = bursts ? from + Math.floor(chance.unit() * 4) * (ms / 4) : from + chance.unit() * ms;
    const slow = chance.chance(0.1);
    // Some have lost the beginning of their conversation: the same blocks after others.
    const begins = blocks.length > 2 && chance.chance(0.12) ? 1 : 0;
    const prompt = promptOf(blocks.slice(begins), inputLength - begins * TRACE_BLOCK);
    const outputMax = chance.chance(0.25) ? 30 : 12;
    asks.push({
      id: `r${i}`,
      at: at + chance.unit() * 5,
      tenant: chance.chance(0.7) ? 0 : 1,
      prompt,
      maxTokens: Math.min(crowd ? 2 : outputMax, Math.ceil(outputLength / 80)),
      stream: chance.chance(0.7),
      leavesAfter: chance.chance(0.08) ? chance.between(1, 400) : null,
      readMs: slow ? chance.between(5, 120) : 0,
      mode: chance.chance(0.15) ? chance.pick(['auto', 'disaggregated', 'local'] as const) : null,
    });
  }
  return asks.sort((a, b) => a.at - b.at);
}

/** Asked once nothing happens any more: a prompt that nobody had, then the same again. */
export function probes(at: number): Ask[] {
  return [0, 1].flatMap((tenant) =>
    ['first', 'second'].map((turn, i) => ({
      id: `probe-${tenant}-${turn}`,
      at: at + (2 * tenant + i) * 500,
      tenant,
      prompt: promptOf([-1 - tenant, -3 - tenant, -5 - tenant], 3 * TRACE_BLOCK - 64),
      maxTokens: 3,
      stream: true,
      leavesAfter: null,
      readMs: 0,
      mode: 'disaggregated' as const,
    })),
  );
}

function promptOf(blocks: readonly number[], inputLength: number): number[] {
  const length = Math.max(2, Math.round((inputLength * CHUNK_TOKENS) / TRACE_BLOCK));
  const tokens: number[] = [];
  for (const block of blocks)
    for (let i = 0; i < CHUNK_TOKENS; i++) tokens.push(Math.imul(block * 31 + i + 7, 0x9e3779b1) >>> 24);
  return tokens.slice(0, Math.min(length, tokens.length));
}
