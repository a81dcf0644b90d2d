import { beforeEach, expect, test } from 'vitest';
import { silentLogger } from '#core/log.ts';
import { createMetrics } from '#core/metrics.ts';
import { Attachment } from '#engines/reference/attachment.ts';
import { ENGINE_LIMITS } from '#engines/reference/limits.ts';
import { ENGINE_METRICS } from '#engines/reference/metrics.ts';
import type { NativeBatonClient } from '#engines/reference/native.ts';
import { ManualClock } from '#test/support/manual-clock.ts';
import { FakeNative } from './fake-native.ts';

const attach = {
  socketPath: '/s',
  engine: 'e',
  namespace: new Uint8Array(32),
  chunkTokens: 256,
  timeoutMs: 1000,
};

let clock = new ManualClock();
let attempts = 0;
let service: FakeNative | null = null;
const engine = {
  attach(): NativeBatonClient {
    attempts++;
    if (service === null) throw Object.assign(new Error('no service'), { code: 'closed' });
    return service;
  },
};

beforeEach(() => {
  clock = new ManualClock();
  attempts = 0;
  service = null;
});

const start = (metrics = createMetrics(ENGINE_METRICS)) =>
  new Attachment({ engine, attach, clock, log: silentLogger, metrics });

test('without a service it tries again, ever less often up to the bound', () => {
  const attachment = start();
  expect(attachment.client).toBeNull();
  let wait: number = ENGINE_LIMITS.attachBackoffMinMs;
  for (let n = 1; n < 12; n++) {
    expect(attempts).toBe(n);
    clock.advance(wait - 1);
    expect(attempts).toBe(n);
    clock.advance(1);
    wait = Math.min(wait * 2, ENGINE_LIMITS.attachBackoffMaxMs);
  }
  service = new FakeNative(1, 16);
  clock.advance(wait);
  expect(attachment.client).toBe(service);
});

test('a session that ended is noticed at its next use and made anew', () => {
  const first = new FakeNative(1, 16);
  service = first;
  const attachment = start();
  expect(attachment.client).toBe(first);
  first.isAlive = false;
  service = new FakeNative(1, 16);
  expect(attachment.client).toBeNull();
  clock.advance(ENGINE_LIMITS.attachBackoffMinMs);
  expect(attachment.client).toBe(service);
});

test('a service that does not answer is left alone for a while', () => {
  service = new FakeNative(1, 16);
  const attachment = start();
  attachment.unanswered();
  clock.advance(ENGINE_LIMITS.attachBackoffMaxMs - 1);
  expect(attachment.client).toBeNull();
  clock.advance(1);
  expect(attachment.client).toBe(service);
});

test('counters of several sessions add up', async () => {
  const metrics = createMetrics(ENGINE_METRICS);
  service = new FakeNative(1, 16);
  const counters = { rpcs: 3, gathered_bytes: 10 };
  service.counters = () => counters;
  const attachment = start(metrics);
  attachment.count();
  counters.rpcs = 5;
  attachment.count();
  service.isAlive = false;
  service = new FakeNative(1, 16);
  service.counters = () => ({ rpcs: 2 });
  expect(attachment.client).toBeNull();
  clock.advance(ENGINE_LIMITS.attachBackoffMinMs);
  attachment.count();
  expect(await metrics.value('baton_engine_client_rpcs_total')).toBe(7);
  expect(await metrics.value('baton_engine_client_gathered_bytes_total')).toBe(10);
});

test('after closing nothing is attached or tried again', () => {
  const attachment = start();
  attachment.close();
  clock.advance(60_000);
  expect(attempts).toBe(1);
  service = new FakeNative(1, 16);
  const other = start();
  other.close();
  expect(other.client).toBeNull();
  expect(service.isAlive).toBe(false);
});
