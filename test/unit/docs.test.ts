import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERRORS, type ErrorEntry } from '#core/errors.ts';
import type { MetricTable } from '#core/metrics.ts';
import { z } from '#core/schema.ts';
import { settings } from '#core/settings.ts';
import { BOUNDS as REQUEST_BOUNDS } from '#router/bounds.ts';
import { ABORTS, type GivenUp } from '#router/dialects/aborts.ts';
import { CODES, type CodeEntry } from '#router/doctor/codes.ts';
import * as request from '#router/states.ts';
import * as ticket from '#transfer/states.ts';

const root = join(import.meta.dirname, '../..');
const read = (page: string): string => readFileSync(join(root, 'docs', page), 'utf8');

/** Rows of the Markdown tables in a text, cells without code marks; the heads are left out. */
function rowsOf(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = rows.map((line) => line.slice(1, -1).split('|').map((cell) => cell.trim().replaceAll('`', '')));
  return cells.filter((_, i) => !isRule(cells[i]) && !isRule(cells[i + 1]));
} // prettier-ignore

const isRule = (cells: string[] | undefined): boolean => cells?.every((cell) => /^-+$/.test(cell)) ?? false;
const dash = (text: string): string => (text === '' ? '–' : text);

test('docs/errors.md says of every error what the table in the code says (node scripts/gen-docs.mjs)', () => {
  const told = (entry: ErrorEntry): string =>
    [entry.retryAfter ? 'Retry-After' : '', entry.retryable ? 'router' : ''].filter(Boolean).join(', ');
  expect(rowsOf(read('errors.md'))).toEqual(
    Object.entries(ERRORS).map(([code, entry]: [string, ErrorEntry]) => [
      code,
      dash(entry.status === 0 ? '' : String(entry.status)),
      dash(told(entry)),
      entry.meaning,
    ]),
  );
});

test('docs/doctor.md tells every code of the doctor with its levels, meaning and mending (node scripts/gen-docs.mjs)', () => {
  const told = (text: string): string => dash(text.replaceAll('`', ''));
  expect(rowsOf(read('doctor.md'))).toEqual(
    Object.entries(CODES).map(([code, { levels, meaning, mend }]: [string, CodeEntry]) => [
      code,
      levels.join(', '),
      told(meaning),
      told(mend),
    ]),
  );
});

describe('docs/states.md (node scripts/gen-docs.mjs)', () => {
  const section = (name: string): string[][] => {
    const [, text = ''] =
      new RegExp(`<!-- table ${name} -->(.*)<!-- end ${name} -->`, 's').exec(read('states.md')) ?? [];
    return rowsOf(text);
  };

  test('says where each event leads a request from each state', () => {
    expect(section('request')).toEqual(
      request.EVENTS.map((event) => [
        event,
        ...request.STATES.map((state) => dash(request.TABLE[state][event] ?? '')),
      ]),
    );
  });

  test('says of each state of a request what it waits for, how long, and what then', () => {
    expect(section('request bounds')).toEqual(
      Object.entries(REQUEST_BOUNDS).map(([state, { waitsFor, bound, then }]) =>
        [state, waitsFor, bound, then].map((cell) => cell.replaceAll('`', '')),
      ),
    );
  });

  test('says whom each dialect tells', () => {
    const dialects = Object.values(ABORTS);
    expect(section('aborts')).toEqual(
      (Object.keys(ABORTS.baton) as GivenUp[]).map((state) => [
        state,
        ...dialects.map((rule) => dash(rule[state].join(', '))),
      ]),
    );
  });

  test('says what becomes of a ticket on each event in each state, and what ends each state', () => {
    expect(section('ticket')).toEqual(
      ticket.EVENTS.map((event) => [
        event,
        ...ticket.STATES.map((state) => {
          const { act, next } = ticket.TABLE[state][event];
          return next === state ? act : `${act} → **${next}**`;
        }),
      ]),
    );
    expect(section('ticket bounds')).toEqual(
      Object.entries(ticket.BOUNDS).map(([state, bound]) => [state, bound.replaceAll('`', '')]),
    );
  });
});

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  description?: string;
  default?: unknown;
  minimum?: number;
  enum?: string[];
}

function leaves(node: SchemaNode, prefix: string): [string, SchemaNode][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]): [string, SchemaNode][] => {
    const path = `${prefix}${name}`;
    if (child.properties !== undefined) return leaves(child, `${path}.`);
    return [[path, child], ...(child.items === undefined ? [] : leaves(child.items, `${path}[].`))];
  });
}

describe('docs/configuration.md', () => {
  const rows = rowsOf(read('configuration.md'));
  const expected = leaves(z.toJSONSchema(settings) as SchemaNode, '');

  test('names every key of the schema with its default (node scripts/gen-docs.mjs)', () => {
    expect(expected.length).toBeGreaterThan(50);
    expect(rows.map(([key, value]) => [key, value])).toEqual(
      expected.map(([key, { default: value }]) => [
        key,
        value === undefined ? 'required' : JSON.stringify(value),
      ]),
    );
  });

  test('tells the values that a key may have', () => {
    for (const [i, [key, node]] of expected.entries()) {
      const told = rows[i]?.[2] ?? '';
      expect(told, key).toMatch(/^\w.*\.$/);
      if (node.enum !== undefined) expect(told, key).toContain(node.enum.join(', '));
      if ((node.minimum ?? -Infinity) > Number.MIN_SAFE_INTEGER)
        expect(told, key).toContain(`at least ${node.minimum}`);
    }
  });

  test('says what every key means, in the words of its description', () => {
    for (const [i, [key, { description = '' }]] of expected.entries()) {
      expect(description, key).toMatch(/\.$/);
      expect(rows[i]?.[2], key).toContain(description.replaceAll('`', ''));
    }
  });
});

describe('docs/metrics.md', () => {
  const page = read('metrics.md');
  const tables = [
    ['transfer', 'transfer/metrics.ts', 'TRANSFER_METRICS', 'baton_transfer_'],
    ['router', 'router/metrics.ts', 'ROUTER_METRICS', 'baton_router_'],
    ['engine', 'engines/reference/metrics.ts', 'ENGINE_METRICS', 'baton_engine_'],
  ].filter(([, module = '']) => existsSync(join(root, module))) as [string, string, string, string][];

  test.each(tables)(
    'names every metric of the %s with kind, labels and meaning (node scripts/gen-docs.mjs)',
    async (section, module, name, prefix) => {
      const exported = (await import(/* @vite-ignore */ join(root, module))) as Record<string, MetricTable>;
      const metrics = exported[name] ?? {};
      const text = page.slice(
        page.indexOf(`<!-- table ${section} -->`),
        page.indexOf(`<!-- end ${section} -->`),
      );
      expect(Object.keys(metrics).length).toBeGreaterThan(0);
      expect(rowsOf(text)).toEqual(
        Object.entries(metrics).map(([metric, { kind, labels, help }]) => [
          metric,
          kind,
          dash(labels.join(', ')),
          help,
        ]),
      );
      for (const [metric, { kind }] of Object.entries(metrics)) {
        expect(metric.startsWith(prefix)).toBe(true);
        if (kind === 'counter') expect(metric.endsWith('_total')).toBe(true);
      }
    },
  );
});
