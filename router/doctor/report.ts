// Findings as people and as programs read them.
import type { Finding, Level } from './codes.ts';

const LEVELS: readonly Level[] = ['error', 'warning', 'unknown', 'ok'];

/** One line per finding, worst last so that it is seen; then how many there are of each level. */
export function report(findings: readonly Finding[]): string {
  const width = (of: (finding: Finding) => string): number =>
    Math.max(0, ...findings.map((finding) => of(finding).length));
  const wheres = width(({ where }) => where);
  const codes = width(({ code }) => code);
  const lines = LEVELS.toReversed().flatMap((level) =>
    findings
      .filter((finding) => finding.level === level)
      .map(({ where, code, what, mend }) => {
        const head = `${level.padEnd(7)}  ${where.padEnd(wheres)}  ${code.padEnd(codes)}  ${what}`;
        return mend === null ? head : `${head}. ${mend}`;
      }),
  );
  return [...lines, summary(findings)].join('\n');
}

function summary(findings: readonly Finding[]): string {
  const counts = LEVELS.map((level) => `${count(findings, level)} ${level}`);
  return `${findings.length} findings: ${counts.join(', ')}`;
}

export function count(findings: readonly Finding[], level: Level): number {
  return findings.filter((finding) => finding.level === level).length;
}
