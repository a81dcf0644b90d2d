// npm run screenshots: pictures of the page for README and docs, of a deployment on loopback, into docs/images.
import { mkdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Page } from 'playwright-core';
import { deploy } from '#test/support/deployment.ts';
import { buildHooks } from '#test/support/hooks.ts';
import { asksOverEmptied, deployVerifying } from './emptied-chunk.ts';
import { answered, journeyShown, ready, startBrowser, visit } from './visitor.ts';

const ROOT = join(import.meta.dirname, '../..');
const IMAGES = join(ROOT, 'docs/images');
const BYTES_MAX = 200_000;

const PICTURES = [
  { name: 'ui-light', width: 1280, height: 1010, colorScheme: 'light' },
  { name: 'ui-dark', width: 1280, height: 1010, colorScheme: 'dark' },
  { name: 'ui-phone', width: 360, height: 780, colorScheme: 'light' },
] as const;

const browser = await startBrowser();
mkdirSync(IMAGES, { recursive: true });
for (const { name, width, height, colorScheme } of PICTURES) {
  // A deployment of its own each, so that the whole prompt is computed and crosses.
  const cluster = await deploy({ engine: { model: 'tiny', max_model_len: 8192 }, router: { tenants: [] } });
  try {
    const viewport = { width, height };
    const { page, close } = await visit(browser, `${cluster.adminUrl}/ui`, { viewport, colorScheme });
    await ask(page);
    if (width < 700) await page.evaluate(`document.querySelector('.request').scrollIntoView()`);
    await picture(page, name);
    await close();
  } finally {
    await cluster.stop();
  }
}
await buildHooks();
for (const verify of [true, false]) {
  const cluster = await deployVerifying(verify);
  try {
    const { after } = await asksOverEmptied(browser, cluster, { viewport: { width: 1280, height: 740 } });
    await after.page.evaluate(`document.querySelector('#story').scrollTop = 0`);
    await picture(after.page, `ui-verification-${verify ? 'on' : 'off'}`);
  } finally {
    await cluster.stop();
  }
}
await browser.close();

async function picture(page: Page, name: string): Promise<void> {
  const path = join(IMAGES, `${name}.png`);
  await page.screenshot({ path });
  const { size } = statSync(path);
  console.log(`${relative(ROOT, path)}: ${size} bytes`);
  if (size > BYTES_MAX) process.exitCode = 1;
}

/** Returns when the answer, its journey and the series are shown. */
async function ask(page: Page): Promise<void> {
  await ready(page);
  await page.click('#example');
  await page.click('#send');
  await journeyShown(page, (await answered(page)).id);
  await page.locator('.timeline svg').waitFor();
  await page.getByRole('img', { name: /^First token, mean: now .*, at most/ }).waitFor();
}
