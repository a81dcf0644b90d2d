// Who may read the page: whoever has the admin key, where there is one, and no page of another origin.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMockEngine, type MockEngine } from '#test/support/mock-engine.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';
import { answered, ready, startBrowser, visit } from './visitor.ts';

const KEY = 'the-admin-key-of-these-tests-32-bytes';

let engine: MockEngine;
let open: TestRouter;
let keyed: TestRouter;
let elsewhere: Server;
let browser: Browser;

beforeAll(async () => {
  engine = await startMockEngine();
  open = await startRouterBefore(engine);
  keyed = await startRouterBefore(engine, {}, {}, { adminKey: Buffer.from(KEY) });
  elsewhere = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><link rel="icon" href="data:,">');
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  elsewhere.closeAllConnections();
  elsewhere.close();
  await keyed.close();
  await open.close();
  await engine.kill();
});

test('with an admin key the page asks for it, again after a wrong one, and keeps it in its tab only', async () => {
  const { page, close } = await visit(browser, `${keyed.adminUrl}/ui`);
  const dialog = page.getByRole('dialog', { name: 'Admin key' });
  await dialog.waitFor();
  expect(await page.locator('#pools li').count()).toBe(0);
  await page.keyboard.type('a wrong key');
  await page.keyboard.press('Enter');
  await page.locator('#key-why', { hasText: 'not accepted' }).waitFor();
  await page.keyboard.type(KEY);
  await page.keyboard.press('Enter');
  await ready(page);
  expect(await page.locator('#pools li').count()).toBe(1);
  expect(await dialog.isVisible()).toBe(false);
  await page.fill('#question', 'Where is it?');
  await page.click('#send');
  expect((await answered(page)).text).toBe('hello world');
  expect(await page.evaluate('[JSON.stringify(localStorage), document.cookie]')).toEqual(['{}', '']);
  await page.reload();
  await ready(page);
  await close();
  const other = await visit(browser, `${keyed.adminUrl}/ui`);
  await other.page.getByRole('dialog', { name: 'Admin key' }).waitFor();
  await other.close();
});

/** What becomes of a request that a page elsewhere sends to the router. */
async function fromElsewhere(path: string, init: object): Promise<{ read: string; status: number | null }> {
  const { port } = elsewhere.address() as AddressInfo;
  const { page, close } = await visit(browser, `http://127.0.0.1:${port}/`);
  let status: number | null = null;
  page.on('response', (response) => {
    if (response.url() === open.adminUrl + path) status = response.status();
  });
  const read = await page.evaluate(
    async ([url, options]) => {
      try {
        return await (await fetch(url, options)).text();
      } catch {
        return 'nothing';
      }
    },
    [open.adminUrl + path, init] as const,
  );
  await close();
  return { read, status };
}

test('a page of another origin reads nothing and asks nothing', async () => {
  const body = JSON.stringify({ model: 'mock', messages: [{ role: 'user', content: 'hi' }] });
  const before = engine.requests.length;
  for (const mode of ['cors', 'no-cors']) {
    for (const path of ['/ui/state', '/ui/series', '/ui/main.js', '/debug/requests/x']) {
      const { read, status } = await fromElsewhere(path, { mode });
      expect([path, mode, read]).toEqual([path, mode, mode === 'cors' ? 'nothing' : expect.stringMatching(/^(nothing)?$/)]);
      expect([null, 403]).toContain(status);
    }
  }
  // What a browser sends without asking first, and what it asks first for.
  const simple = await fromElsewhere('/ui/ask', { method: 'POST', mode: 'no-cors', body });
  expect(simple.read).toMatch(/^(nothing)?$/);
  const asks = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
  expect((await fromElsewhere('/ui/ask', asks)).read).toBe('nothing');
  expect(engine.requests.length).toBe(before);
}); // prettier-ignore

test('the page is shown within no other page', async () => {
  const { port } = elsewhere.address() as AddressInfo;
  const { page, close } = await visit(browser, `http://127.0.0.1:${port}/`);
  await page.evaluate(`new Promise((resolve) => {
    const frame = document.createElement('iframe');
    frame.src = '${open.adminUrl}/ui';
    frame.addEventListener('load', resolve);
    document.body.append(frame);
  })`);
  const texts = await Promise.all(page.frames().map((frame) => frame.evaluate('document.body.textContent')));
  expect(texts.join()).not.toContain('Ask');
  await close();
});

test('the page has no cookie, no storage but its tab’s, and no worker', async () => {
  const { page, complaints, close } = await visit(browser, `${open.adminUrl}/ui`);
  await ready(page);
  await page.fill('#question', 'Where is it?');
  await page.click('#send');
  await answered(page);
  const kept = await page.evaluate(`(async () => [
    document.cookie,
    { ...localStorage },
    Object.values({ ...sessionStorage }).join(''),
    (await navigator.serviceWorker.getRegistrations()).length,
    (await indexedDB.databases()).length,
  ])()`);
  expect(kept).toEqual(['', {}, '', 0, 0]);
  expect(complaints).toEqual([]);
  await close();
});
