import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadAssets } from '#router/ui/assets.ts';

const folder = join(import.meta.dirname, '../../../../router/ui/page');
// For the type checker.
const files = readdirSync(folder).filter((name) => !/\.d\.ts$|^tsconfig\.json$/.test(name));
const assets = loadAssets();

test('every file of the page is served, the chart library, and nothing else', () => {
  const own = files.map((name) => (name === 'index.html' ? '/ui' : `/ui/${name}`));
  expect([...assets.keys()].sort()).toEqual([...own, '/ui/uplot.css', '/ui/uplot.js'].sort());
});

test('every file is served as what it is', () => {
  for (const [path, { contentType }] of assets) {
    const kind = path === '/ui' ? 'html' : path.slice(path.lastIndexOf('.') + 1);
    expect(contentType, path).toMatch({ html: /^text\/html;/, css: /^text\/css;/, js: /^text\/javascript;/, svg: /^image\/svg\+xml$/ }[kind] ?? /$^/); // prettier-ignore
  }
});

test('a module imports only what is served, and chart.js alone the chart library', () => {
  for (const name of files.filter((file) => file.endsWith('.js'))) {
    const text = readFileSync(join(folder, name), 'utf8');
    const imported = [...text.matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'\)/g)].map(([, a, b]) => a ?? b);
    for (const path of imported) {
      expect(path, name).toMatch(/^\.\/[\w-]+\.js$/);
      expect([...assets.keys()], name).toContain(path?.replace('.', '/ui'));
    }
    expect(imported.includes('./uplot.js'), name).toBe(name === 'chart.js');
  }
});

test('nothing of the page names another origin, makes markup of text, or stands inline', () => {
  for (const name of files) {
    const text = readFileSync(join(folder, name), 'utf8').replace('http://www.w3.org/2000/svg', '');
    expect(text, name).not.toMatch(/https?:\/\/|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/); // prettier-ignore
    if (name === 'index.html') expect(text).not.toMatch(/ style=| on\w+=|<style|<script(?![^>]* src=)/);
  }
});
