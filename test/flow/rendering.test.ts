// Router and engine render alike, whatever the text. A leg carries the client's text and the router's token ids for it; the engine
// counts whether it makes the same of the text.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { seededRandom, type Random } from '#core/random.ts';
import { deploy, TENANT } from '../support/deployment.ts';
import { metricAt } from '../support/metrics.ts';

const INPUTS = 1000;
const AT_ONCE = 8;
const SPECIALS = ['<|bos|>', '<|eos|>', '<|user|>', '<|assistant|>', '<|system|>', '<|end|>'];
/** What text is made of: ranges of code points, and pieces that tokenizers are known to trip over. */
const RANGES: readonly (readonly [number, number])[] = [
  [0x00, 0x1f], [0x20, 0x7e], [0x7f, 0xa0], [0xa1, 0x24f], [0x300, 0x36f], [0x370, 0x5ff], [0x600, 0x6ff], [0x900, 0x97f],
  [0x2000, 0x206f], [0x3040, 0x30ff], [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0xd800, 0xdfff], [0xe000, 0xf8ff], [0xfdd0, 0xffff],
  [0x1f300, 0x1faff], [0x1f1e6, 0x1f1ff], [0xe0000, 0xe007f], [0x10ff00, 0x10ffff],
]; // prettier-ignore
const PIECES = [
  '👩‍👩‍👧‍👦', '🏳️‍🌈', 'é', 'é', '\r\n', '\u0000', '\ufeff', '\u200d', '   ', '\t\t', '{{ messages }}', '{% raw %}', '"\\u0041"', '</s>',
  ...SPECIALS, SPECIALS.join(''), '<|eos', '|>',
]; // prettier-ignore

interface Input {
  path: string;
  body: Record<string, unknown>;
}

const pick = <T>(random: Random, from: readonly T[]): T => {
  const chosen = from[Math.floor(random.unit() * from.length)];
  if (chosen === undefined) throw new Error('nothing to pick from');
  return chosen;
};

function textOf(random: Random): string {
  let text = '';
  const pieces = 1 + Math.floor(random.unit() ** 2 * 40);
  for (let i = 0; i < pieces; i++) {
    if (random.unit() < 0.15) text += pick(random, PIECES);
    else {
      const [low, high] = pick(random, RANGES);
      const code = low + Math.floor(random.unit() * (high - low + 1));
      text += code > 0xffff ? String.fromCodePoint(code) : String.fromCharCode(code);
    }
  }
  return text;
}

function contentOf(random: Random): unknown {
  if (random.unit() < 0.7) return random.unit() < 0.05 ? '' : textOf(random);
  return Array.from({ length: Math.floor(random.unit() * 4) }, () => ({
    type: 'text',
    text: textOf(random),
  }));
}

function inputOf(random: Random): Input {
  if (random.unit() < 0.4) return { path: '/v1/completions', body: { prompt: textOf(random) } };
  const messages: object[] = [];
  if (random.unit() < 0.5) messages.push({ role: 'system', content: contentOf(random) });
  for (let turns = Math.floor(random.unit() * 4); turns > 0; turns--) {
    messages.push({ role: 'user', content: contentOf(random) });
    messages.push({ role: 'assistant', content: contentOf(random) });
  }
  messages.push({
    role: 'user',
    content: contentOf(random),
    ...(random.unit() < 0.2 ? { name: 'ann' } : {}),
  });
  return { path: '/v1/chat/completions', body: { messages } };
}

/** The same JSON with every character beyond ASCII escaped, as other clients write it. */
const escaped = (json: string): string =>
  json.replace(/[^\0-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

let cluster: Cluster;

beforeAll(async () => {
  cluster = await deploy({
    nodes: ['a'],
    engines: [{ name: 'engine', role: 'both', node: 'a', settings: { layers: 1, heads: 1, keep: false } }],
    router: { placement: { mode: 'local' } },
  });
});
afterAll(() => cluster.stop());

async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
}

async function renderedByBoth(input: Input, escape: boolean): Promise<void> {
  const json = JSON.stringify({ model: 'synthetic', max_tokens: 1, ...input.body });
  const response = await post(cluster.routerUrl + input.path, escape ? escaped(json) : json, {
    authorization: `Bearer ${TENANT.key}`,
    'x-baton-explain': '1',
  });
  expect(response.status, json).toBe(200);
  const decision: unknown = JSON.parse(response.headers.get('x-baton-decision') ?? '{}');
  const answer = (await response.json()) as { usage: { prompt_tokens: number } };
  // Named, and as long as the engine found it.
  expect(decision, json).toMatchObject({ reason: 'mode local', prompt_tokens: answer.usage.prompt_tokens });
}

test(`${INPUTS} random inputs`, { timeout: 300_000 }, async () => {
  const random = seededRandom(20260);
  const inputs = Array.from({ length: INPUTS }, () => ({
    input: inputOf(random),
    escape: random.unit() < 0.3,
  }));
  const worker = async (): Promise<void> => {
    for (let next = inputs.pop(); next !== undefined; next = inputs.pop())
      await renderedByBoth(next.input, next.escape);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const compared = (agreed: boolean): Promise<number> =>
    metricAt(cluster.member('engine').url, 'baton_engine_renderings_compared_total', `agreed="${agreed}"`);
  expect(await compared(true)).toBe(INPUTS);
  expect(await compared(false)).toBe(0);
});

test('a role that the template does not know is refused by both', async () => {
  const body = { messages: [{ role: 'tool', content: 'x' }] };
  const json = JSON.stringify({ model: 'synthetic', max_tokens: 1, ...body });
  const headers = { authorization: `Bearer ${TENANT.key}` };
  expect((await post(`${cluster.routerUrl}/v1/chat/completions`, json, headers)).status).toBe(400);
  expect((await post(`${cluster.member('engine').url}/tokenize`, json)).status).toBe(400);
});
