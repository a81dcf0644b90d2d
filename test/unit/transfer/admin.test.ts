import { afterEach, describe, expect, test } from 'vitest';
import { TRANSFER_METRICS, createTransferMetrics } from '#transfer/metrics.ts';
import { serveAdmin, type AdminListener } from '#transfer/admin.ts';

let listener: AdminListener | null = null;
afterEach(async () => {
  await listener?.close();
});

async function serve(ready: () => boolean, counters: Record<string, number> = {}) {
  const metrics = createTransferMetrics(() => counters);
  listener = await serveAdmin('127.0.0.1', 0, { metrics, ready });
  const { url } = listener;
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${url}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  return { get, metrics };
}

describe('the admin listener', () => {
  test('is live whatever happens and ready only while the service is', async () => {
    let ready = true;
    const { get } = await serve(() => ready);
    expect(await get('/health/ready')).toEqual({ status: 200, text: 'ready\n' });
    ready = false;
    expect(await get('/health/ready')).toEqual({ status: 503, text: 'draining\n' });
    expect((await get('/health/live')).status).toBe(200);
  });

  test('exposes every metric of the table, native counters by what they have grown', async () => {
    const counters: Record<string, number> = { lane_bytes_in: 10, lanes_up: 2, arena_evictions: 1 };
    const { get } = await serve(() => true, counters);
    await get('/metrics');
    Object.assign(counters, { lane_bytes_in: 25, lanes_up: 1 });
    const { text } = await get('/metrics');
    expect(text).toMatch(/^baton_transfer_lane_bytes_in_total 25$/m);
    expect(text).toMatch(/^baton_transfer_lanes_up 1$/m);
    expect(text).toMatch(/^baton_transfer_arena_evictions_total 1$/m);
    for (const name of Object.keys(TRANSFER_METRICS)) expect(text).toContain(`# HELP ${name} `);
  });

  test('answers other paths and methods with 404 and 405', async () => {
    const { get } = await serve(() => true);
    expect((await get('/')).status).toBe(404);
    expect((await get('/metrics', 'POST')).status).toBe(405);
    expect((await get('/metrics?x=1')).status).toBe(200);
  });

  test('says what to do when its address is in use', async () => {
    await serve(() => true);
    const port = Number(new URL(listener?.url ?? '').port);
    await expect(
      serveAdmin('127.0.0.1', port, { metrics: createTransferMetrics(() => ({})), ready: () => true }),
    ).rejects.toMatchObject({
      code: 'start_failed',
      message: expect.stringContaining('transfer.admin.port') as string,
    });
  });
});
