import { describe, expect, test } from 'vitest';
import { BatonError } from '#core/errors.ts';
import { Access } from '#router/access.ts';
import type { EdgeRequest } from '#router/edge/contract.ts';

const KEY = 'an admin key of at least 32 bytes!';
const HOST = '127.0.0.1:8001';

function asked(headers: Record<string, string>): EdgeRequest {
  return {
    method: 'GET',
    path: '/ui/state',
    headers: { host: HOST, ...headers },
    remoteAddress: '127.0.0.1',
    body: () => Promise.reject(new Error('nobody reads it')),
  };
}

const access = (admin: { host?: string; hosts?: string[] } = {}, key: string | null = null): Access =>
  new Access(
    { host: '127.0.0.1', port: 8001, key_file: null, hosts: [], ...admin },
    key === null ? null : Buffer.from(key),
  );

/** The code that a request is refused with; null: it is let in. */
function refusal(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return BatonError.from(error).code;
  }
}

describe('a request is let in', () => {
  test.each([
    ['from a command line', {}],
    ['from the page itself', { origin: `http://${HOST}`, 'sec-fetch-site': 'same-origin' }],
    ['from the address bar', { 'sec-fetch-site': 'none', 'sec-fetch-dest': 'document' }],
    ['by the name localhost', { host: 'localhost:8001', origin: 'http://localhost:8001' }],
    ['by the name localhost in capitals', { host: 'LocalHost:8001' }],
    ['by an IPv6 address', { host: '[::1]:8001', origin: 'http://[::1]:8001' }],
    ['without a port', { host: '127.0.0.1' }],
    ['over a proxy that ends TLS', { host: '10.0.0.7', origin: 'https://10.0.0.7' }],
  ])('%s', (_, headers) => {
    expect(refusal(() => { access().check(asked(headers)); })).toBeNull(); // prettier-ignore
  });

  test('by a name that is configured', () => {
    const named = access({ hosts: ['router.example'] });
    const headers = { host: 'Router.example:8001', origin: 'http://Router.example:8001' };
    expect(refusal(() => { named.check(asked(headers)); })).toBeNull(); // prettier-ignore
  });
});

describe('a request is refused as foreign', () => {
  test.each([
    ['from a page elsewhere', { origin: 'http://evil.example' }],
    ['from a page of another port', { origin: 'http://127.0.0.1:3000' }],
    ['from a page without an origin of its own', { origin: 'null' }],
    ['that a page elsewhere loads without telling its origin', { 'sec-fetch-site': 'cross-site' }],
    ['from a page of the same site', { 'sec-fetch-site': 'same-site' }],
    ['that opens data as a document', { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }],
    ['by a name that a stranger has made lead here', { host: 'evil.example:8001' }],
    ['by such a name, from its own page', { host: 'evil.example', origin: 'http://evil.example' }],
    ['by a name that ends like a known one', { host: 'localhost.evil.example' }],
    ['by what is no name', { host: 'local host' }],
    ['by a name with an address before it', { host: '127.0.0.1@evil.example' }],
    ['by nothing', { host: '' }],
  ])('%s', (_, headers) => {
    expect(refusal(() => { access().check(asked(headers)); })).toBe('foreign_origin'); // prettier-ignore
  });

  test('a link from elsewhere may open the page, and load nothing into another one', () => {
    const opens = asked({ 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' });
    expect(refusal(() => { access().checkOrigin(opens, true); })).toBeNull(); // prettier-ignore
    const frames = asked({ 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' });
    expect(refusal(() => { access().checkOrigin(frames, true); })).toBe('foreign_origin'); // prettier-ignore
  });

  test('also with the key', () => {
    const headers = { origin: 'http://evil.example', authorization: `Bearer ${KEY}` };
    expect(refusal(() => { access({}, KEY).check(asked(headers)); })).toBe('foreign_origin'); // prettier-ignore
  });
});

describe('where there is an admin key', () => {
  test.each([
    ['the key', `Bearer ${KEY.replaceAll(' ', '-')}`, null],
    ['the key, its scheme in small letters', `bearer ${KEY.replaceAll(' ', '-')}`, null],
    ['none', '', 'invalid_admin_key'],
    ['another', 'Bearer another-key-of-at-least-32-bytes', 'invalid_admin_key'],
    ['a beginning of it', 'Bearer an-admin-key', 'invalid_admin_key'],
    ['another scheme', `Basic ${KEY.replaceAll(' ', '-')}`, 'invalid_admin_key'],
  ])('a request with %s', (_, authorization, code) => {
    const keyed = access({}, KEY.replaceAll(' ', '-'));
    expect(refusal(() => { keyed.check(asked(authorization === '' ? {} : { authorization })); })).toBe(code); // prettier-ignore
  });
});

test('beyond loopback nobody is let in without a key to ask for', () => {
  expect(refusal(() => { access({ host: '0.0.0.0' }).check(asked({})); })).toBe('invalid_admin_key'); // prettier-ignore
  const keyed = access({ host: '0.0.0.0' }, 'k'.repeat(32));
  expect(refusal(() => { keyed.check(asked({ authorization: `Bearer ${'k'.repeat(32)}` })); })).toBeNull(); // prettier-ignore
});
