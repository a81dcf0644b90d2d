// A question asked on the page of a real deployment: its answer, and the timeline of that very request.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '#cli/cluster.ts';
import { deploy } from '#test/support/deployment.ts';
import { EXAMPLE } from '../../router/ui/page/example.js';
import { answered, answerOf, journeyShown, ready, startBrowser, visit } from './visitor.ts';

const MODEL = join(import.meta.dirname, '../../engines/reference/models/tiny');
/** With weights of its own the demo's model knows the answer; without any it makes noise, the same every time. */
const trained = existsSync(MODEL) && readdirSync(MODEL).some((file) => file.endsWith('.safetensors'));

let cluster: Cluster;
let browser: Browser;
let url: string;

beforeAll(async () => {
  cluster = await deploy({ engine: { model: 'tiny', max_model_len: 8192 }, router: { tenants: [] } });
  url = `${cluster.adminUrl}/ui`;
  browser = await startBrowser();
});
afterAll(async () => {
  await browser.close();
  await cluster.stop();
});

interface Told {
  prompt_tokens: number;
  ticket: { bytes_in: number; chunks: number; layers: object[] };
  chunks: { name: string }[];
}

test('a question is answered as by the public listener, and the timeline of that very request is shown', async () => {
  const { page, asked, complaints, close } = await visit(browser, url);
  await ready(page);
  await page.click('#example');
  const story = await page.inputValue('#story');
  const question = await page.inputValue('#question');
  expect([story, question]).toEqual([EXAMPLE.story, EXAMPLE.turns[0]?.question]);
  await page.click('#send');
  const { text, id } = await answered(page);
  expect(text).not.toBe('');
  expect(text).toBe(await answerOf(cluster.routerUrl, story, question));
  if (trained) expect(text.trim()).toBe(EXAMPLE.turns[0]?.answer);

  await journeyShown(page, id);
  expect(new URL(page.url()).hash).toBe(`#request=${id}`);
  const told = (await (await fetch(`${cluster.adminUrl}/debug/requests/${id}`)).json()) as Told;
  expect(told.ticket.layers.length).toBeGreaterThan(1);
  await page.locator('.timeline svg').waitFor();
  // A bar of each kind in every layer.
  for (const kind of ['compute', 'wire', 'scattered'])
    expect(await page.locator(`.timeline rect.${kind}`).count()).toBe(told.ticket.layers.length);
  expect(await page.locator('.timeline svg').getAttribute('aria-label')).toContain(`${told.ticket.layers.length} layers`);
  expect(await page.locator('.chunks li').allTextContents()).toEqual(
    told.chunks.map(({ name }) => expect.stringContaining(name) as string),
  );
  for (const { name } of told.chunks) expect(name).toMatch(/^[0-9a-f]{8}$/);
  expect(told.chunks).toHaveLength(told.ticket.chunks);
  await page.getByText('The timeline as a table').click();
  expect(await page.getByRole('region', { name: 'Times of each layer' }).locator('tbody tr').count()).toBe(told.ticket.layers.length);

  await page.locator(`#requests a[title="${id}"][aria-current]`).waitFor();
  expect(new Set(asked.map((one) => new URL(one).origin))).toEqual(new Set([cluster.adminUrl]));
  expect(complaints).toEqual([]);
  await close();
}); // prettier-ignore

test('another question about the same story finds its chunks held', async () => {
  const { page, close } = await visit(browser, url);
  await ready(page);
  await page.click('#example');
  await page.fill('#question', EXAMPLE.turns[1]?.question ?? '');
  await page.click('#send');
  const { id } = await answered(page);
  await journeyShown(page, id);
  expect(await page.locator('.chunks li.target, .chunks li.source').count()).toBeGreaterThan(0);
  await close();
});

test('pools, services, requests and series are shown', async () => {
  const { page, complaints, close } = await visit(browser, url);
  await ready(page);
  for (const name of ['prefill-0', 'decode-0']) {
    const engine = page.locator('#pools li', { hasText: name });
    expect(await engine.locator('.badge').textContent()).toBe('up');
  }
  expect(await page.locator('#services li').count()).toBe(2);
  expect(await page.locator('#requests tr').count()).toBeGreaterThan(0);
  await page.locator('#series canvas').first().waitFor();
  expect(await page.locator('#series canvas').count()).toBe(5);
  expect(await page.locator('#series [role=img]').first().getAttribute('aria-label')).toMatch(/^Requests per second: now /);
  expect(complaints).toEqual([]);
  await close();
}); // prettier-ignore

test('everything can be done by keyboard, and the focus is seen', async () => {
  const { page, close } = await visit(browser, url);
  await ready(page);
  const focused = (): Promise<string> => page.evaluate('document.activeElement.id');
  const press = (key: string): Promise<void> => page.keyboard.press(key);
  await press('Tab');
  await press('Enter'); // the link past the head
  expect(await focused()).toBe('story');
  await press('Tab');
  expect(await focused()).toBe('question');
  expect(await page.evaluate('document.activeElement.matches(":focus-visible")')).toBe(true);
  expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
  await page.keyboard.type('Where is the red key?');
  await press('Enter');
  const { id } = await answered(page);
  await journeyShown(page, id);
  await page.locator(`#requests a[title="${id}"]`).waitFor();
  // Back from the question to the list: links follow in the order of the page.
  for (let i = 0; i < 40 && (await page.evaluate('document.activeElement.getAttribute("aria-current")')) === null; i++)
    await press('Tab');
  expect(await page.evaluate('document.activeElement.title')).toBe(id);
  await press('Tab');
  await press('Enter');
  await page.locator('#request-id').filter({ hasNotText: id }).waitFor();
  await close();
}); // prettier-ignore

describe('on a phone', () => {
  test.each([360, 414])('%s px wide nothing stands out at the side', async (width) => {
    const { page, close } = await visit(browser, url, { viewport: { width, height: 740 } });
    await ready(page);
    await page.click('#example');
    await page.click('#send');
    await journeyShown(page, (await answered(page)).id);
    await page.getByText('Why it was placed there').click();
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
    await close();
  });
});

test('the page is dark where the visitor wants it dark, and its words stand out from it either way', async () => {
  const seen: number[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    const { page, close } = await visit(browser, url, { colorScheme });
    await ready(page);
    const colour = async (selector: string, property: string): Promise<number> =>
      luminance(await page.evaluate(`getComputedStyle(document.querySelector('${selector}')).${property}`));
    const panel = await colour('.panel', 'backgroundColor');
    seen.push(panel);
    for (const selector of ['h2', '.panel h3', '.note', '.badge.ok', 'thead th', 'label'])
      expect([selector, contrast(panel, await colour(selector, 'color'))]).toEqual([selector, expect.toSatisfy((ratio: number) => ratio >= 4.5)]);
    await close();
  }
  expect(seen[0]).toBeGreaterThan(0.8);
  expect(seen[1]).toBeLessThan(0.1);
}); // prettier-ignore

/** As WCAG 2.2 defines it, of a colour as browsers write it. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (/^rgb\((\d+), (\d+), (\d+)\)$/.exec(colour) ?? []).slice(1).map((text) => {
    const part = Number(text) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: number, b: number): number {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
