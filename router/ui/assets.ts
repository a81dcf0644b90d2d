// The page's own files, read once: what is not in this list is not served, whatever a path says.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export interface Asset {
  contentType: string;
  body: string;
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const PAGE = [
  'icon.svg',
  'page.css', 'request.css', 'theme.css',
  'api.js', 'ask.js', 'chart.js', 'chunks.js', 'dom.js', 'example.js', 'format.js', 'key.js', 'main.js', 'placement.js', 'poll.js', 'pools.js',
  'request.js', 'requests.js', 'series.js', 'sse.js', 'stages.js', 'timeline.js', 'timeline-scale.js', 'timeline-table.js',
]; // prettier-ignore

/** The chart library comes from its package as it is; page/chart.js alone imports it. */
const UPLOT = { 'uplot.js': 'uplot/dist/uPlot.esm.js', 'uplot.css': 'uplot/dist/uPlot.min.css' };

/** By path. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const { resolve } = createRequire(import.meta.url);
  const page = (name: string): string => join(import.meta.dirname, 'page', name);
  const files: [path: string, file: string][] = [
    ['/ui', page('index.html')],
    ...PAGE.map((name): [string, string] => [`/ui/${name}`, page(name)]),
    ...Object.entries(UPLOT).map(([name, file]): [string, string] => [`/ui/${name}`, resolve(file)]),
  ];
  return new Map(
    files.map(([path, file]) => {
      const type = TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
      return [path, { contentType: type, body: readFileSync(file, 'utf8') }];
    }),
  );
}
