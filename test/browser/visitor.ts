// A headless Chromium before the router's page, which writes down what the page asks for and complains of.
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import type { Cluster, EngineSpec } from '#cli/cluster.ts';
import { ask } from '#cli/demo/ask.ts';
import { untilBaseline } from '#test/support/deployment.ts';
import { journeyOf } from '#test/support/journey.ts';
import { findChromium } from '../../scripts/browser.mjs';

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]; // prettier-ignore

/** Two engines that answer out of one arena, and one that no service stands before: what it says is right. */
export const TWO_DECODERS: EngineSpec[] = [
  { name: 'prefill-0', role: 'prefill', node: 'a', settings: {} },
  { name: 'decode-0', role: 'decode', node: 'b', settings: {} },
  { name: 'decode-1', role: 'decode', node: 'b', settings: {} },
  { name: 'alone', role: 'both', node: null, settings: {} },
];

export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('there is no Chromium: run node scripts/browser.mjs');
  return chromium.launch({ executablePath, args: FLAGS });
}

export interface Visitor {
  page: Page;
  /** URLs of all requests so far. */
  asked: string[];
  /** Errors and warnings of the console, and exceptions that nobody caught. */
  complaints: string[];
  close: () => Promise<void>;
}

/** A visitor who has been answered. */
export interface Asked extends Visitor {
  answer: string;
  id: string;
}

/** A visitor of his own, without anything stored. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  await page.goto(url);
  return { page, asked, complaints, close: () => context.close() };
}

/** Waits until the router has said that it is ready. */
export async function ready(page: Page): Promise<void> {
  await page.locator('#status', { hasText: /^ready$/ }).waitFor();
}

/** Waits for the end of the answer, and returns it with the id of its request. */
export async function answered(page: Page): Promise<{ text: string; id: string }> {
  await page.locator('#answer-facts', { hasText: /^Request / }).waitFor();
  const facts = (await page.locator('#answer-facts').textContent()) ?? '';
  const id = /^Request (\S+)/.exec(facts)?.[1] ?? '';
  return { text: (await page.locator('#answer').textContent()) ?? '', id };
}

/** Waits until the journey of this request is shown to its end. */
export async function journeyShown(page: Page, id: string): Promise<void> {
  await page.locator('#request-id', { hasText: id }).waitFor();
  await page.locator('.request .heading .badge.ok').waitFor();
}

/** Asks on the page of a cluster's router, as a new visitor, and waits for the answer and its journey. */
export async function asks(
  browser: Browser,
  cluster: Cluster,
  story: string,
  question: string,
  options: BrowserContextOptions = {},
): Promise<Asked> {
  const visitor = await visit(browser, `${cluster.adminUrl}/ui`, options);
  const { page } = visitor;
  await ready(page);
  await page.fill('#story', story);
  await page.fill('#question', question);
  await page.click('#send');
  const { text, id } = await answered(page);
  await journeyShown(page, id);
  return { ...visitor, answer: text, id };
}

/**
 * Asks, does something to the arena that the answer came out of, and asks the same again of the other decode engine: whoever
 * answered first has the prompt in its own pages.
 */
export async function asksTwice(
  browser: Browser,
  cluster: Cluster,
  story: string,
  question: string,
  between: (arenaPath: string) => void,
  options?: BrowserContextOptions,
): Promise<{ before: string; after: Asked }> {
  const first = await asks(browser, cluster, story, question);
  await first.close();
  const journey = await journeyOf(cluster, first.id);
  await cluster.member(journey?.attempts.at(-1)?.decode ?? '').child.stop(5000);
  await untilBaseline(cluster, ['b']);
  between(cluster.arenaPath('b'));
  return { before: first.answer, after: await asks(browser, cluster, story, question, options) };
}

let clients = 0;

/** What another client is answered to the question that the page asks. */
export async function answerOf(url: string, story: string, question: string): Promise<string> {
  const messages = [
    { role: 'system', content: story },
    { role: 'user', content: question },
  ] as const;
  const asked = { model: 'tiny', maxTokens: 48, ignoreEos: false };
  return (await ask(url, `client-${++clients}`, messages, asked)).text;
}
