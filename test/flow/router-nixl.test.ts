// Handoffs among vLLM's own engines (dialect vllm-nixl) through a real router: two prefill and two decode replay workers.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '#core/clock.ts';
import { answerError } from '#test/support/mock-engine.ts';
import {
  GARBAGE,
  RIGHT_TEXT,
  startDecodeWorker,
  startPrefillWorker,
  type DecodeWorker,
  type PrefillWorker,
} from '#test/support/replay-worker.ts';
import { startRouter, type TestRouter } from '#test/support/router.ts';

let p1: PrefillWorker;
let p2: PrefillWorker;
let d1: DecodeWorker;
let d2: DecodeWorker;
let router: TestRouter;
/** What the router's clock is ahead, ms. */
let ahead = 0;

const LEASE_MS = 30_000;
const body = { model: 'tiny', prompt: 'def foo(self):', max_tokens: 24, temperature: 0 };
type Entry = Record<string, unknown>;
const entry = (name: string, url: string, role: string, more: Entry = {}): Entry => ({
  name, url, role, model: 'tiny', dialect: 'vllm-nixl', ...more,
}); // prettier-ignore

async function start(more: Entry = {}, p1More: Entry = {}): Promise<void> {
  const engines = [
    entry('p1', p1.engine.url, 'prefill', p1More), entry('p2', p2.engine.url, 'prefill'),
    entry('d1', d1.engine.url, 'decode'), entry('d2', d2.engine.url, 'decode'),
  ]; // prettier-ignore
  router = await startRouter({ engines, placement: { mode: 'disaggregated' }, ...more }, {}, {
    clock: { now: () => systemClock.now() + ahead, after: systemClock.after.bind(systemClock) },
    random: { bytes: (n) => crypto.getRandomValues(new Uint8Array(n)), unit: () => 0 },
  }); // prettier-ignore
}

beforeEach(async () => {
  ahead = 0;
  [p1, p2] = await Promise.all([startPrefillWorker(), startPrefillWorker()]);
  [d1, d2] = await Promise.all([startDecodeWorker([p1, p2]), startDecodeWorker([p1, p2])]);
});

afterEach(async () => {
  const handed = [d1, d2].flatMap(({ engine }) => engine.requests.map(({ json }) => idOf(json)));
  await router.close();
  await Promise.all([p1, p2, d1, d2].map(({ engine }) => engine.kill().catch(() => undefined)));
  // Whatever happened: what one prefill answer says goes to one decode leg.
  const ids = handed.filter((id) => id !== null);
  expect(new Set(ids).size).toBe(ids.length);
});

const idOf = (json: Entry): unknown =>
  (json['kv_transfer_params'] as Entry | undefined)?.['remote_request_id'] ?? null;
const textOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { choices: { text: string }[] }).choices[0]?.text ?? '';
const outcomes = async (outcome: string): Promise<number> => {
  const text = await (await router.admin('/metrics')).text();
  const found = new RegExp(`baton_router_nixl_params_total\\{outcome="${outcome}"\\} (\\d+)`).exec(text);
  return Number(found?.[1] ?? 0);
};
interface Streamed {
  status: number;
  text: string;
  raw: string;
}
const stream = async (more: Entry = {}): Promise<Streamed> => {
  const response = await router.post('/v1/completions', { ...body, stream: true, ...more });
  const raw = await response.text();
  const events = raw.split('\n\n').filter((line) => line.startsWith('data: {'));
  const text = events
    .map((line) => JSON.parse(line.slice(6)) as { choices?: { text: string }[] })
    .map(({ choices }) => choices?.[0]?.text ?? '')
    .join('');
  return { status: response.status, text, raw };
};

describe('a handoff', () => {
  test('asks the prefill engine for one token and where its blocks lie, then the decode engine with that answer', async () => {
    await start();
    const asked = { ...body, stop: ['x'], min_tokens: 3, kv_transfer_params: { do_remote_prefill: true } };
    const response = await router.post('/v1/completions', asked, { 'x-request-id': 'r1' });
    expect([response.status, await textOf(response)]).toEqual([200, RIGHT_TEXT]);
    const [leg1] = p1.engine.requests;
    const [leg2] = d1.engine.requests;
    expect(leg1?.json).toMatchObject({ prompt: body.prompt, max_tokens: 1, n: 1, stream: false });
    expect(leg1?.json['kv_transfer_params']).toEqual({
      do_remote_decode: true, do_remote_prefill: false, remote_engine_id: null, remote_block_ids: null, remote_host: null, remote_port: null,
    }); // prettier-ignore
    expect(leg1?.json).not.toHaveProperty('stop');
    expect(leg1?.json).not.toHaveProperty('min_tokens');
    expect(leg2?.json).toMatchObject({ prompt: body.prompt, max_tokens: 24, stop: ['x'], min_tokens: 3 });
    expect(leg2?.json['kv_transfer_params']).toMatchObject({ do_remote_prefill: true, remote_port: 5601 });
    expect([leg1?.headers['x-request-id'], leg2?.headers['x-request-id']]).toEqual(['r1', 'r1']);
    expect([...p1.held.values()].map(({ state }) => state)).toEqual(['read']);
    expect(await outcomes('passed')).toBe(1);
  });

  test('passes the params on byte for byte, keys that nobody knows and numbers that no double holds included', async () => {
    await start();
    let sent = '';
    p1.tamper = (params) =>
      (sent = params.replace(/\}$/, ', "block_hash" : 18446744073709551615,"näher":{"a":[1e400,-0.0]}}'));
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(d1.engine.requests[0]?.body).toContain(`"kv_transfer_params":${sent}`);
  });

  test('names the configured host of the prefill engine’s side channel instead of the engine’s own', async () => {
    await start({}, { nixl: { remote_host: '10.1.2.3' } });
    let sent = '';
    p1.tamper = (params) => (sent = params);
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    const passed = sent.replace('"remote_host":"127.0.0.1"', '"remote_host":"10.1.2.3"');
    expect(d1.engine.requests[0]?.body).toContain(`"kv_transfer_params":${passed}`);
  });

  test('of a prompt that the router cannot name works as well', async () => {
    await start();
    const chat = {
      model: 'tiny',
      messages: [{ role: 'user', content: 'hi' }],
      chat_template_kwargs: { a: 1 },
    };
    expect((await router.post('/v1/chat/completions', chat)).status).toBe(200);
    expect([p1.engine.requests.length, d1.engine.requests.length]).toEqual([1, 1]);
  });

  test.each([
    ['several choices', { n: 2 }],
    ['several candidates', { best_of: 2 }],
    ['several prompts', { prompt: ['a', 'b'] }],
    ['log-probabilities of the prompt', { prompt_logprobs: 1 }],
  ])('is not tried for %s: the decode engine computes the prompt', async (_, more) => {
    await start();
    const response = await router.post('/v1/completions', { ...body, ...more });
    expect(response.status).toBe(200);
    expect(p1.engine.requests).toHaveLength(0);
    expect(d1.engine.requests[0]?.json).not.toHaveProperty('kv_transfer_params');
  });

  test('is charged for its pull as measured, from the first stream on', async () => {
    await start();
    p1.exchange = '700tok_only_params';
    d1.queue = () => void (ahead += 700);
    const prompt = Array.from({ length: 700 }, (_, i) => 300 + i);
    const charged = async (): Promise<number> => {
      const sent = { ...body, prompt, stream: true };
      const response = await router.post('/v1/completions', sent, { 'x-baton-explain': '1' });
      await response.text();
      const decision = JSON.parse(response.headers.get('x-baton-decision') ?? '') as {
        chosen: { transfer_ms: number };
      };
      return decision.chosen.transfer_ms;
    };
    expect(await charged()).toBe(15);
    expect(await charged()).toBeGreaterThanOrEqual(700 + 15);
  });

  test('is between engines of one dialect only', async () => {
    const engines = [
      entry('p1', p1.engine.url, 'prefill', { dialect: 'baton' }),
      entry('d1', d1.engine.url, 'decode'),
    ];
    await start({ engines });
    expect((await router.get('/health/ready')).status).toBe(503);
    expect((await router.post('/v1/completions', body)).status).toBe(503);
    await router.close();
    await start();
    expect((await router.get('/health/ready')).status).toBe(200);
  });
});

describe('usage', () => {
  beforeEach(async () => {
    d1.details = true;
    p1.tamper = (params) =>
      params.replace('"remote_prefill_cached_tokens":0', '"remote_prefill_cached_tokens":1234');
    await start();
  });

  test('of a whole answer tells what the prefill engine had cached, in an answer of right length', async () => {
    const response = await router.post('/v1/completions', body);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      usage: { prompt_tokens: 6, prompt_tokens_details: { cached_tokens: 1234 } },
    });
    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
  });

  test('of a stream does too, and nothing else of it is changed', async () => {
    const { raw } = await stream({ stream_options: { include_usage: true } });
    expect(raw).toMatch(/"cached_tokens":1234\}.*\n\ndata: \[DONE\]\n\n$/s);
    const plain = await stream({ stream_options: { include_usage: true }, n: 1, prompt_logprobs: 1 });
    expect(plain.raw.replace('"cached_tokens":0', '"cached_tokens":1234')).toBe(raw);
  });

  test('of a decode engine that computed the prompt itself is its own', async () => {
    p1.tamper = () => null;
    expect(await (await router.post('/v1/completions', body)).json()).toMatchObject({
      usage: { prompt_tokens_details: { cached_tokens: 0 } },
    });
  });
});

describe('params that vLLM would answer with wrong text or die of are not passed on', () => {
  const without =
    (key: string) =>
    (params: string): string => {
      const rest = JSON.parse(params) as Entry;
      Reflect.deleteProperty(rest, key);
      return JSON.stringify(rest);
    };
  const set =
    (key: string, value: unknown) =>
    (params: string): string =>
      JSON.stringify({ ...(JSON.parse(params) as Entry), [key]: value });
  test.each([
    ['none', 'missing', () => 'null'],
    ['an object that is none', 'unreadable', () => '[1]'],
    ['only the wish', 'half_filled', () => '{"do_remote_prefill":true,"do_remote_decode":false}'],
    ['no engine id', 'half_filled', without('remote_engine_id')],
    ['no request id', 'half_filled', without('remote_request_id')],
    ['a null host', 'half_filled', set('remote_host', null)],
    ['no port', 'half_filled', set('remote_port', null)],
    ['no block ids', 'half_filled', without('remote_block_ids')],
    ['an empty list', 'no_blocks', set('remote_block_ids', [])],
    ['an empty group', 'no_blocks', set('remote_block_ids', [[]])],
    ['fewer tokens than the prompt', 'short', set('remote_num_tokens', 5)],
    [
      'a key twice, the last one null',
      'half_filled',
      (params: string) => params.replace(/\}$/, ',"remote_host":null}'),
    ],
  ])('%s', async (_, outcome, tamper) => {
    await start();
    p1.tamper = tamper;
    const response = await router.post('/v1/completions', body);
    expect([response.status, await textOf(response)]).toEqual([200, RIGHT_TEXT]);
    expect(d1.engine.requests[0]?.json).not.toHaveProperty('kv_transfer_params');
    expect(d1.dead).toBe(false);
    expect(await outcomes(outcome)).toBe(1);
  });
});

describe('the lease', () => {
  test('lets no decode leg begin with params near its end', async () => {
    await start({ nixl: { lease_ms: 1, begin_share: 1e-9 } });
    const response = await router.post('/v1/completions', body);
    expect([response.status, await textOf(response)]).toEqual([200, RIGHT_TEXT]);
    expect(d1.engine.requests[0]?.json).not.toHaveProperty('kv_transfer_params');
    expect(await outcomes('late')).toBe(1);
  });

  test('discards a stream that begins after its end, and computes the prompt again', async () => {
    await start();
    d1.queue = () => {
      d1.queue = () => undefined;
      p1.expire();
      ahead += LEASE_MS;
    };
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(d1.generated).toEqual([GARBAGE, RIGHT_TEXT]);
    expect([p1.engine.requests.length, p1.held.size]).toEqual([2, 2]);
  });

  test('gives a stream up that has not begun at its end', async () => {
    await start();
    d1.queue = async (seen) => {
      d1.queue = () => undefined;
      ahead += LEASE_MS;
      await seen.closedEarly;
    };
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(d1.generated).toEqual([RIGHT_TEXT]);
  });

  test('missed again and again, ends in the decode engine computing the prompt', async () => {
    await start();
    d1.queue = (seen) => {
      if (idOf(seen.json) === null) return;
      p1.expire();
      ahead += LEASE_MS;
    };
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(p1.engine.requests).toHaveLength(2);
    expect(d1.generated).toEqual([GARBAGE, GARBAGE, RIGHT_TEXT]);
  });
});

describe('a failed pull', () => {
  const outOfRange = (params: string): string => params.replace(/\[\[[^\]]*\]\]/, '[[100001]]');

  test.each([
    ['blocks out of range', outOfRange],
    [
      'an unknown engine id',
      (params: string) => params.replace(/"remote_engine_id":"[^"]*"/, '"remote_engine_id":"x"'),
    ],
    ['a port that nobody listens on', (params: string) => params.replace('5601', '5999')],
  ])('by %s never reaches the client: the decode engine computes the prompt', async (_, tamper) => {
    await start();
    p1.tamper = p2.tamper = tamper;
    const whole = await router.post('/v1/completions', body);
    expect([whole.status, await textOf(whole)]).toEqual([200, RIGHT_TEXT]);
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(d1.generated.concat(d2.generated)).not.toContain(GARBAGE);
  });

  test('is not tried again: what one decode engine cannot take may kill the next', async () => {
    await start();
    p1.exchange = p2.exchange = '700tok_only_params';
    // Fewer blocks than the prompt needs, and no metrics that tell their size.
    p1.tamper = p2.tamper = (params) => params.replace(/\[\[[^\]]*\]\]/, '[[1]]');
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect([d1.dead, d2.dead]).toEqual([true, false]);
    expect(p2.engine.requests).toHaveLength(0);
  });

  test('with too few blocks is not tried at all where metrics tell the size of one', async () => {
    p1.engine.pages.set('/metrics', 'vllm:cache_config_info{block_size="128",num_gpu_blocks="2048"} 1\n');
    await start();
    p1.exchange = '700tok_only_params';
    p1.tamper = (params) => params.replace(/\[\[[^\]]*\]\]/, '[[1,2,3,4,5]]');
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect([d1.dead, await outcomes('short')]).toEqual([false, 1]);
    p1.tamper = (params) => params;
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(await outcomes('passed')).toBe(1);
  });

  test('that the decode engine mends itself costs no second leg', async () => {
    await start();
    d1.policy = 'recompute';
    p1.tamper = outOfRange;
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect([d1.engine.requests.length, d2.engine.requests.length]).toEqual([1, 0]);
  });

  test('by a decode engine that says nothing at all is tried at another', async () => {
    await start({ timeouts: { first_token_ms: 300 } });
    d1.queue = (seen) => seen.closedEarly;
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(idOf(d2.engine.requests[0]?.json ?? {})).not.toBeNull();
  });

  test('with one engine of each role ends on the decode engine that answered the error', async () => {
    await start({ engines: [entry('p1', p1.engine.url, 'prefill'), entry('d1', d1.engine.url, 'decode')] });
    d1.queue = async () => {
      d1.queue = () => undefined;
      // The prefill engine dies between the legs.
      p1.engine.healthy = false;
      await p1.engine.kill();
    };
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(d1.engine.requests.map(({ json }) => idOf(json) === null)).toEqual([false, true]);
  });
});

describe('an engine that dies', () => {
  test('while it computes the prompt is replaced', async () => {
    await start();
    p1.before = async (seen) => {
      seen.response.destroy();
      await p1.engine.kill();
    };
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(p2.engine.requests).toHaveLength(1);
  });

  test('within its answer is replaced, and half an answer is not believed', async () => {
    await start();
    p1.cutAfter = 600;
    expect((await router.post('/v1/completions', body)).status).toBe(200);
    expect(p2.engine.requests).toHaveLength(1);
    expect(d1.engine.requests).toHaveLength(1);
  });

  test('before the first token is replaced, and the prompt is computed again for the other', async () => {
    await start();
    d1.queue = async (seen) => {
      seen.response.destroy();
      await d1.engine.kill();
    };
    expect(await stream()).toMatchObject({ status: 200, text: RIGHT_TEXT });
    expect(p1.engine.requests).toHaveLength(2);
    expect(idOf(d2.engine.requests[0]?.json ?? {})).not.toBeNull();
  });

  test('after the first token ends the stream with an error and no [DONE]', async () => {
    await start();
    d1.cutAfterEvents = 1;
    const { status, raw } = await stream();
    expect(status).toBe(200);
    expect(raw).toContain('"code":"decode_interrupted"');
    expect(raw).not.toContain('[DONE]');
  });
});

test('what the prefill engine says of the request itself is the answer', async () => {
  await start();
  p1.engine.script = answerError(422, 'strange_parameter');
  const response = await router.post('/v1/completions', body);
  expect(response.status).toBe(422);
  expect(d1.engine.requests).toHaveLength(0);
});

describe('a client that leaves', () => {
  const leave = async (at: Promise<{ closedEarly: Promise<void> }>): Promise<void> => {
    const controller = new AbortController();
    const request = fetch(`${router.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...body, stream: true }),
      headers: { 'content-type': 'application/json' },
      signal: controller.signal,
    }).catch(() => undefined);
    const seen = await at;
    controller.abort();
    await request;
    await seen.closedEarly;
  };

  test('during the prefill leg closes it, and no decode engine hears of it', async () => {
    await start();
    p1.before = (seen) => seen.closedEarly;
    await leave(p1.engine.next());
    expect(d1.engine.requests).toHaveLength(0);
  });

  test('during the decode leg closes it, which tells the prefill engine', async () => {
    await start();
    d1.queue = (seen) => seen.closedEarly;
    await leave(d1.engine.next());
    expect(p1.engine.requests).toHaveLength(1);
  });
});

test('an engine of this dialect with a node is a wrong configuration', async () => {
  const engines = [entry('p1', p1.engine.url, 'prefill', { node: 'a' })];
  await expect(start({ engines, services: [{ node: 'a', address: 'x:1' }] })).rejects.toThrow(
    'leave node out',
  );
  await start();
});
