// `auto` weighs what a handoff costs against what it saves. The rates are configured and the prompts too small to be measured, so
// that the decision follows from them alone: local costs 1.5 ms a token, a pair 1 ms a token and 100 ms.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { deploy, promptOf, rightAnswer, TENANT } from '../support/deployment.ts';

interface Decision {
  mode: string;
  reason: string;
  chosen: { kind: string; prefill: string | null; decode: string; cost_ms: number };
  candidates: { kind: string; cost_ms: number }[];
}

let cluster: Cluster;

beforeAll(async () => {
  cluster = await deploy({
    router: {
      placement: { mode: 'auto', prefill_tokens_per_s: 1000, transfer_bytes_per_s: 1e12, handoff_ms: 100 },
    },
  });
});
afterAll(() => cluster.stop());

function asked(tokens: Uint32Array, fields: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${cluster.routerUrl}/v1/completions`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${TENANT.key}`,
      'x-baton-explain': '1',
      ...headers,
    },
    body: JSON.stringify({ model: 'synthetic', prompt: [...tokens], ...fields }),
  });
}

const decisionOf = (response: Response): Decision =>
  JSON.parse(response.headers.get('x-baton-decision') ?? '{}') as Decision;

async function placed(length: number, seed: number): Promise<Decision> {
  const tokens = promptOf(length, seed);
  const response = await asked(tokens, {
    max_tokens: 4,
    temperature: 0,
    ignore_eos: true,
    return_token_ids: true,
  });
  expect(response.status).toBe(200);
  const answer = (await response.json()) as { choices: { token_ids: number[] }[] };
  expect(answer.choices[0]?.token_ids).toEqual(await rightAnswer(cluster, tokens));
  return decisionOf(response);
}

test('a short prompt is computed where it is decoded', async () => {
  expect(await placed(100, 1)).toMatchObject({
    mode: 'auto',
    reason: 'lowest cost',
    chosen: { kind: 'local', prefill: null, decode: 'decode-0' },
  });
});

test('a long one is handed off, and the explanation has the costs of both', async () => {
  const decision = await placed(1000, 2);
  expect(decision.chosen).toMatchObject({
    kind: 'disaggregated',
    prefill: 'prefill-0',
    decode: 'decode-0',
  });
  const local = decision.candidates.find(({ kind }) => kind === 'local');
  expect(local?.cost_ms).toBeGreaterThan(decision.chosen.cost_ms);
});

test('the header that chooses a mode for one request is obeyed', async () => {
  const headers = { 'x-baton-placement': 'disaggregated' };
  const decision = decisionOf(await asked(promptOf(100, 3), { max_tokens: 1 }, headers));
  expect(decision).toMatchObject({ mode: 'disaggregated', chosen: { kind: 'disaggregated' } });
});
