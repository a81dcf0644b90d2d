import { expect, test } from 'vitest';
import { sampleReader } from '#core/samples.ts';

const samples = sampleReader(['up', 'size:info']);

test('reads the named metrics with their labels, in the order of the text', () => {
  const text =
    '# HELP up Whether.\nup{a="1",b="x\\"}y"} 1.0\nupper 7\nsize:info{n = "16"} 1\nup 0\nother{up="2"} 3\n';
  const read = [...samples(text)].map(({ name, labels, value }) => [name, Object.fromEntries(labels), value]);
  expect(read).toEqual([
    ['up', { a: '1', b: 'x\\"}y' }, '1.0'],
    ['size:info', { n: '16' }, '1'],
    ['up', {}, '0'],
  ]);
});

test('passes over what is no exposition', () => {
  expect([...samples('<html>up 1</html>\nup{a="1\nup\n')]).toEqual([]);
});
