import { expect, test } from 'vitest';
import { type Source, sources } from './sources.ts';

const all = sources(['.ts', '.mjs', '.js', '.cc', '.h', '.py']);
const maxLines = 500;

/** `path:line` of every line that matches. */
function hits(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : [])),
  );
}

test(`no source file is longer than ${maxLines} lines`, () => {
  expect(all.length).toBeGreaterThan(0);
  const long = all
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > maxLines);
  expect(long).toEqual([]);
});

test('no test is focused, skipped or left open', () => {
  expect(hits(all, /\b(it|test|describe|suite)(\.\w+)*\.(only|skip|todo)\b|\bdoctest::skip\b/)).toEqual([]);
});

test('no note of unfinished work is left in the code', () => {
  const notes = ['TO' + 'DO', 'FIX' + 'ME'];
  expect(hits(all, new RegExp(`\\b(${notes.join('|')})\\b`))).toEqual([]);
});
