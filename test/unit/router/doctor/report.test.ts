import { expect, test } from 'vitest';
import { finding } from '#router/doctor/codes.ts';
import { count, report } from '#router/doctor/report.ts';

const findings = [
  finding('engine_unreachable', 'decode-0', '10.0.0.2:8000 does not answer /health'),
  finding('events_off', 'p1', 'no kv_events.endpoint', { mend: 'Set it.' }),
  finding('policy_unknown', 'd1', '/server_info is not answered'),
  finding('engine_answers', 'p1', 'version 0.32.0'),
];

test('one line per finding, the worst last, and a summary', () => {
  const lines = report(findings).split('\n');
  expect(lines.map((line) => line.split(/ +/).slice(0, 3))).toEqual([
    ['ok', 'p1', 'engine_answers'],
    ['unknown', 'd1', 'policy_unknown'],
    ['warning', 'p1', 'events_off'],
    ['error', 'decode-0', 'engine_unreachable'],
    ['4', 'findings:', '1'],
  ]);
  expect(lines[2]).toMatch(/no kv_events\.endpoint\. Set it\.$/);
  expect(lines[4]).toBe('4 findings: 1 error, 1 warning, 1 unknown, 1 ok');
});

test('nothing found is said too', () => {
  expect(report([])).toBe('0 findings: 0 error, 0 warning, 0 unknown, 0 ok');
  expect(count([], 'error')).toBe(0);
});
