// Two real vLLM engines under Baton: answers, bytes and counters compared, one line of counts at the end.
//   node scripts/vllm-live.mjs MODEL_FOLDER [--prompts 60] [--seed 1] [--dtype float32]
//   node scripts/vllm-live.mjs --pair FILE     uses what `vllm-pair.mjs MODEL --keep > FILE` has started
// The oracle is bytes: digests of every chunk that D loaded, as it stands in D's pages, equal those gathered on P.
// Token ids are compared with a plain request to D under a cache salt of its own.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startPair } from './vllm-pair.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    pair: { type: 'string' },
    prompts: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    dtype: { type: 'string', default: 'float32' },
    wheel: { type: 'string' },
  },
});
const count = Number(values.prompts);
const salted = `plain-${process.pid}`;

let state = Number(values.seed) >>> 0;
/** A whole number below `n` (mulberry32). */
function below(n) {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) % n;
}

let passed = 0;
let failed = 0;
function expect(what, ok, detail = '') {
  if (ok) passed++;
  else failed++;
  if (!ok || detail) console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}${detail && `: ${detail}`}`);
}

async function ask(url, path, body) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', temperature: 0, return_token_ids: true, ...body }),
  });
  const answer = await response.json();
  if (!response.ok) return { error: `${response.status} ${JSON.stringify(answer).slice(0, 300)}` };
  const [choice] = answer.choices;
  const prompt = choice.prompt_token_ids ?? answer.prompt_token_ids;
  return { prompt, ids: choice.token_ids, text: choice.message?.content ?? choice.text, usage: answer.usage };
}

/** Sum of a counter over its label sets that match. */
async function metric(url, name, labels = '') {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const words = (n) =>
  Array.from(
    { length: n },
    () => ['quay', 'grain', 'coal', 'the', 'harbour', 'of', 'north', '3'][below(8)],
  ).join(' ');
const ids = (n) => Array.from({ length: n }, () => 300 + below(3700));

/** Prompts of 1 to 3 000 tokens, chat and completion, some with the beginning of an earlier one. */
function makePrompts() {
  const prompts = [];
  const fixed = [1, 2, 31, 32, 33, 255, 256, 257, 511, 512, 513, 1024, 3000];
  for (let i = 0; i < count; i++) {
    const kind = i % 4;
    if (kind === 3) {
      const messages = [{ role: 'system', content: words(5 + below(60)) }];
      for (let turn = 0; turn < 1 + below(3); turn++) {
        messages.push({ role: 'user', content: words(10 + below(400)) });
        messages.push({ role: 'assistant', content: words(5 + below(80)) });
      }
      messages.push({ role: 'user', content: words(3 + below(30)) });
      prompts.push({ path: '/v1/chat/completions', body: { messages } });
      continue;
    }
    const earlier = prompts.filter(({ body }) => body.prompt);
    const base = kind === 2 && earlier.length > 0 ? earlier[below(earlier.length)].body.prompt : [];
    const shared = base.slice(0, below(base.length + 1));
    const size = fixed[i] ?? 1 + below(1500);
    const prompt = [...shared, ...ids(size)].slice(0, 3000);
    prompts.push({ path: '/v1/completions', body: { prompt } });
  }
  return prompts;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function sequential(pair, prompts) {
  let tokens = 0;
  const before = await metric(pair.decode.url, 'vllm:prompt_tokens_by_source_total', 'local_compute');
  for (const prompt of prompts) {
    prompt.baton = await ask(pair.router, prompt.path, { ...prompt.body, max_tokens: 16 });
    tokens += prompt.baton.usage?.prompt_tokens ?? 0;
  }
  const computed =
    (await metric(pair.decode.url, 'vllm:prompt_tokens_by_source_total', 'local_compute')) - before;
  expect('D computed no prompt token of its own but the last of each', computed <= prompts.length, `${computed} of ${tokens}`); // prettier-ignore
  for (const [i, prompt] of prompts.entries()) {
    const { baton } = prompt;
    const what = `prompt ${i} (${prompt.path.slice(4)}, ${baton.usage?.prompt_tokens} tokens)`;
    const salt = { max_tokens: 16, cache_salt: `${salted}-${i}` };
    prompt.plain = await ask(pair.decode.url, '/v1/completions', { prompt: baton.prompt, ...salt });
    const equal = !baton.error && same(baton.ids, prompt.plain.ids);
    const detail = equal ? '' : JSON.stringify([baton.error, baton.ids, prompt.plain]).slice(0, 600);
    expect(`${what} answers as D alone`, equal, detail);
    if (!prompt.body.messages) continue;
    const rendered = await ask(pair.decode.url, prompt.path, { ...prompt.body, ...salt });
    const first = (baton.prompt ?? []).findIndex((id, at) => id !== rendered.prompt?.[at]);
    const parity = same(rendered.prompt, baton.prompt);
    expect(`${what} is rendered as vLLM renders it`, parity, parity ? '' : `differs at token ${first}`);
  }
}

async function concurrent(pair, prompts) {
  const answers = [];
  const queue = prompts.map((prompt, i) => ({ prompt, i }));
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      // Another first token makes it another prompt: nothing of it is held anywhere.
      const body = next.prompt.body.prompt
        ? { prompt: [5 + (next.i % 200), ...next.prompt.body.prompt].slice(0, 3000) }
        : next.prompt.body;
      answers.push(await ask(pair.router, next.prompt.path, { ...body, max_tokens: 8 }));
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  expect('all concurrent requests are answered', answers.every(({ error }) => !error), answers.find(({ error }) => error)?.error ?? `${answers.length}`); // prettier-ignore
}

/** A second turn finds the chunks that decode generated in D's arena. */
async function conversation(pair) {
  const prompt = ids(300);
  const first = await ask(pair.router, '/v1/completions', { prompt, max_tokens: 600, ignore_eos: true });
  const next = [...prompt, ...(first.ids ?? []), ...ids(20)];
  const second = await ask(pair.router, '/v1/completions', { prompt: next, max_tokens: 8 });
  const plain = await ask(pair.decode.url, '/v1/completions', { prompt: next, max_tokens: 8, cache_salt: `${salted}-c` }); // prettier-ignore
  expect('a second turn over generated chunks answers as D alone', same(second.ids, plain.ids), JSON.stringify([second.error, second.usage])); // prettier-ignore
}

/** A client that leaves during either leg frees both sides. */
async function leaving(pair) {
  for (const wait of [30, 150, 600]) {
    const controller = new AbortController();
    const body = JSON.stringify({
      model: 'tiny',
      prompt: ids(2500),
      max_tokens: 400,
      stream: true,
      ignore_eos: true,
    });
    const request = fetch(`${pair.router}/v1/completions`, {
      method: 'POST', body, signal: controller.signal, headers: { 'content-type': 'application/json' },
    }).then((r) => r.text()).catch(() => null); // prettier-ignore
    await new Promise((wake) => setTimeout(wake, wait));
    controller.abort();
    await request;
    const left = performance.now();
    const idle = async () => {
      for (const { url } of [pair.prefill, pair.decode]) {
        for (const name of [
          'vllm:num_requests_running',
          'vllm:num_requests_waiting',
          'vllm:kv_cache_usage_perc',
        ])
          if ((await metric(url, name)) !== 0) return false;
      }
      return true;
    };
    let done = false;
    while (!done && performance.now() - left < 15_000) {
      await new Promise((wake) => setTimeout(wake, 100));
      done = await idle();
    }
    expect(`both engines are idle after a client left ${wait} ms in`, done, `after ${Math.round(performance.now() - left)} ms`); // prettier-ignore
  }
}

function checkBytes(pair) {
  const lines = [pair.prefill, pair.decode].flatMap(({ check }) =>
    readFileSync(check, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)),
  ); // prettier-ignore
  const gathered = new Map();
  for (const line of lines) {
    if (line.event !== 'gathered') continue;
    const at = `${line.key} ${line.tokens} ${line.start}`;
    gathered.set(at, (gathered.get(at) ?? new Set()).add(line.digests.join()));
  }
  const loaded = lines.filter(({ event }) => event === 'loaded');
  const wrong = loaded.filter(
    ({ key, tokens, start, digests }) => !gathered.get(`${key} ${tokens} ${start}`)?.has(digests.join()),
  );
  const stripes = loaded.reduce((sum, { digests }) => sum + digests.length, 0);
  expect('every loaded chunk has the digests that were gathered', wrong.length === 0 && loaded.length > 0, `${loaded.length} chunks, ${stripes} stripes, ${wrong.length} wrong`); // prettier-ignore
}

const pair = values.pair
  ? { ...JSON.parse(readFileSync(values.pair, 'utf8')), stop: async () => {} }
  : await startPair({ model: positionals[0], dtype: values.dtype, wheel: values.wheel });
try {
  const prompts = makePrompts();
  await sequential(pair, prompts);
  await concurrent(pair, prompts);
  await conversation(pair);
  await leaving(pair);
  checkBytes(pair);
} finally {
  await pair.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
