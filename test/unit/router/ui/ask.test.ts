import { expect, test } from 'vitest';
import type { Downstream, EdgeRequest, Headers } from '#router/edge/contract.ts';
import { ROUTER_LIMITS } from '#router/limits.ts';
import { ask } from '#router/ui/ask.ts';

/** The request that the public handler is given for this one. */
function handedOn(headers: Headers, method = 'POST'): EdgeRequest {
  const handed: EdgeRequest[] = [];
  const asked: EdgeRequest = {
    method,
    path: '/ui/ask',
    headers,
    remoteAddress: '192.0.2.1',
    body: (bytesMax) => Promise.resolve(Buffer.from(String(bytesMax))),
  };
  ask(asked, {} as Downstream, (request) => handed.push(request));
  const [request] = handed;
  if (request === undefined) throw new Error('nothing was handed on');
  return request;
}

const json = { 'content-type': 'application/json' };

test('a question becomes a chat request of the same caller', () => {
  expect(handedOn(json)).toMatchObject({
    method: 'POST',
    path: '/v1/chat/completions',
    remoteAddress: '192.0.2.1',
  });
});

test('the admin key, an id, and whatever else a browser sends, are not handed on', () => {
  const { headers } = handedOn({
    ...json, authorization: 'Bearer admin', 'x-request-id': 'mine', cookie: 'c', 'x-baton-explain': '1', 'x-baton-placement': 'local',
  }); // prettier-ignore
  expect(Object.entries(headers).filter(([, value]) => value !== undefined)).toEqual([
    ['content-type', 'application/json'],
    ['x-baton-placement', 'local'],
  ]);
});

test('the tenant’s key goes where a client’s would', () => {
  expect(handedOn({ ...json, 'x-baton-api-key': 'k' }).headers['authorization']).toBe('Bearer k');
});

test('a body that is no JSON by its type is refused: a form could send it', () => {
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonp'])
    expect(() => handedOn({ 'content-type': type })).toThrow(/invalid_json/);
  expect(() => handedOn({})).toThrow(/invalid_json/);
  expect(handedOn({ 'content-type': 'application/json; charset=utf-8' }).method).toBe('POST');
}); // prettier-ignore

test('a body is read up to the lesser of two bounds', async () => {
  const question = handedOn(json);
  const take = (): void => undefined;
  expect(String(await question.body(1 << 30, take))).toBe(String(ROUTER_LIMITS.askBytesMax));
  expect(String(await question.body(10, take))).toBe('10');
});
