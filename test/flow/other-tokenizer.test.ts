// A router that was given another tokenizer than its engines costs hits only: every answer is the one that an engine serving alone
// gives to the same text.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { deploy, TENANT } from '../support/deployment.ts';
import { metricAt } from '../support/metrics.ts';

const MODEL = join(import.meta.dirname, '../../engines/reference/models/synthetic');
let cluster: Cluster;
let folder = '';

/** The engines' tokenizer with the ids of all letters moved by one. */
function otherTokenizer(): string {
  const tokenizer = JSON.parse(readFileSync(join(MODEL, 'tokenizer.json'), 'utf8')) as {
    model: { vocab: Record<string, number> };
  };
  const { vocab } = tokenizer.model;
  for (const [piece, id] of Object.entries(vocab)) vocab[piece] = (id + 1) % 256;
  const path = join(folder, 'tokenizer.json');
  writeFileSync(path, JSON.stringify(tokenizer));
  return path;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'baton-tokenizer-'));
  const model = {
    name: 'synthetic',
    tokenizer: otherTokenizer(),
    chat_template: join(MODEL, 'chat_template.jinja'),
  };
  cluster = await deploy({ router: { models: [model] } });
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await cluster.stop();
});

async function ask(url: string, path: string, body: object): Promise<unknown> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TENANT.key}` },
    body: JSON.stringify({
      model: 'synthetic',
      max_tokens: 8,
      temperature: 0,
      ignore_eos: true,
      return_token_ids: true,
      ...body,
    }),
  });
  expect(response.status).toBe(200);
  const answer = (await response.json()) as { choices: { token_ids: number[] }[] };
  return answer.choices[0]?.token_ids;
}

const text = 'A ship that arrives after dusk waits at the outer buoy. '.repeat(10);

test('answers stay right, mismatches are counted, and repeated ones switch rendering off', async () => {
  const alone = cluster.member('alone').url;
  for (let i = 0; i < 4; i++) {
    const chat = { messages: [{ role: 'user', content: `${i} ${text}` }] };
    const completion = { prompt: `${i} ${text}` };
    for (const [path, body] of [
      ['/v1/chat/completions', chat],
      ['/v1/completions', completion],
    ] as const) {
      expect(await ask(cluster.routerUrl, path, body)).toEqual(await ask(alone, path, body));
    }
  }
  const labels = 'model="synthetic"';
  expect(await metricAt(cluster.adminUrl, 'baton_router_key_mismatches_total', labels)).toBe(3);
  expect(await metricAt(cluster.adminUrl, 'baton_router_rendering_off', labels)).toBe(1);
});
