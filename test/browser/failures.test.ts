// Questions that do not end well, on the page.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  answerError,
  answerWell,
  event,
  startMockEngine,
  type MockEngine,
} from '#test/support/mock-engine.ts';
import { startRouterBefore, type TestRouter } from '#test/support/router.ts';
import { ready, startBrowser, visit, type Visitor } from './visitor.ts';

let engine: MockEngine;
let router: TestRouter;
let browser: Browser;

beforeAll(async () => {
  engine = await startMockEngine();
  router = await startRouterBefore(engine);
  browser = await startBrowser();
});
beforeEach(() => {
  engine.script = answerWell;
});
afterAll(async () => {
  await browser.close();
  await router.close();
  await engine.kill();
});

async function asks(question = 'Where is it?'): Promise<Visitor> {
  const visitor = await visit(browser, `${router.adminUrl}/ui`);
  await ready(visitor.page);
  await visitor.page.fill('#question', question);
  await visitor.page.click('#send');
  return visitor;
}

const facts = (page: Page, text: RegExp): Promise<void> =>
  page.locator('#answer-facts', { hasText: text }).waitFor();

test('an engine’s refusal is told in its own words, and the next question can be asked', async () => {
  engine.script = answerError(400, 'too_spicy');
  const { page, close } = await asks();
  await facts(page, /^too_spicy: mock says too_spicy$/);
  engine.script = answerWell;
  await page.click('#send');
  await facts(page, /^Request /);
  expect(await page.locator('#answer').textContent()).toBe('hello world');
  await close();
});

test('of an answer that breaks off what has come stays, and the error is told', async () => {
  engine.script = ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event('half '), () => response.destroy());
  };
  const { page, close } = await asks();
  await facts(page, /^decode_interrupted: /);
  expect(await page.locator('#answer').textContent()).toBe('half ');
  await page.locator('.request .badge.bad', { hasText: 'decode_interrupted' }).waitFor();
  await close();
});

test('a question that is stopped ends at the engine too', async () => {
  engine.script = ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(event('and '));
  };
  const arriving = engine.next();
  const { page, close } = await asks();
  const { closedEarly } = await arriving;
  await page.locator('#answer', { hasText: 'and' }).waitFor();
  expect(await page.locator('#answer').getAttribute('aria-busy')).toBe('true');
  await page.click('#stop');
  await facts(page, /^Stopped\.$/);
  await closedEarly;
  await page.locator('.request .badge', { hasText: 'client_closed' }).waitFor();
  expect(await page.locator('#answer').getAttribute('aria-busy')).toBe('false');
  await close();
});

test('an empty question is not sent', async () => {
  const before = engine.requests.length;
  const { page, close } = await asks('  ');
  await facts(page, /^Type a question first\.$/);
  expect(await page.evaluate('document.activeElement.id')).toBe('question');
  expect(engine.requests.length).toBe(before);
  await close();
});

test('what an answer says is text, whatever it looks like', async () => {
  const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  engine.script = ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(`${event(markup)}data: [DONE]\n\n`);
  };
  const { page, complaints, close } = await asks();
  await facts(page, /^Request /);
  expect(await page.locator('#answer').textContent()).toBe(markup);
  expect(await page.locator('#answer *').count()).toBe(0);
  expect([await page.title(), complaints]).toEqual(['Baton', []]);
  await close();
});

test('a request that is not kept is told so', async () => {
  const { page, close } = await visit(browser, `${router.adminUrl}/ui#request=nobody`);
  await page.getByText('The journey of nobody is not kept any more.').waitFor();
  await close();
});

test('a router that has gone is told, and found again', async () => {
  const { page, close } = await visit(browser, `${router.adminUrl}/ui`);
  await ready(page);
  await page.context().setOffline(true);
  await page.locator('#status', { hasText: 'no answer from the router' }).waitFor();
  await page.context().setOffline(false);
  await ready(page);
  await close();
});
