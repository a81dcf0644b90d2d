// npm run sim -- --planted: plants one bug after the other and runs seeds until a violation is seen.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Planted } from '#core/planted.ts';
import { Pool, type Violation } from '../pool.ts';
import { BUGS } from './table.ts';

const PAGE = join(import.meta.dirname, '../../../docs/simulation.md');
const BEGIN = '<!-- table planted -->';
const END = '<!-- end planted -->';

interface Found {
  bug: Planted;
  /** null: not within its seeds. */
  violation: Violation | null;
}

/** How many were not found. `write`: the table of docs/simulation.md. */
export async function findPlanted(from: number, write: boolean): Promise<{ found: number; missed: number }> {
  const pool = new Pool(['planted']);
  const all: Found[] = [];
  try {
    for (const bug of Object.keys(BUGS) as Planted[]) {
      const found = { bug, violation: await find(pool, bug, from) };
      all.push(found);
      console.log(lineOf(found));
    }
  } finally {
    pool.close();
  }
  if (write) writeTable(all);
  const missed = all.filter(({ violation }) => violation === null).length;
  return { found: all.length - missed, missed };
}

/** The first seed that sees it. */
async function find(pool: Pool, bug: Planted, from: number): Promise<Violation | null> {
  const seeds = Array.from({ length: BUGS[bug].seeds }, (_, i) => from + i);
  const { violations } = await pool.run(seeds, (result) => result.violations.length > 0, bug);
  return violations.sort((a, b) => a.seed - b.seed)[0] ?? null;
}

function lineOf({ bug, violation }: Found): string {
  const { hazard, seeds } = BUGS[bug];
  const at = violation === null ? `NOT FOUND in ${seeds} seeds` : `seed ${violation.seed}, within ${seeds}`;
  return `${bug.padEnd(26)} ${hazard.padEnd(22)} ${at.padEnd(24)} ${violation?.text.split('\n')[0] ?? ''}`;
}

const row = (...cells: string[]): string => `| ${cells.join(' | ')} |`;

/** What was seen, without the names of this one run. */
const seenAs = (text: string): string =>
  (text.split('\n')[0] ?? '').replaceAll(/\b[0-9a-f]{32,64}\b/g, '…').replaceAll('|', '\\|');

function writeTable(all: readonly Found[]): void {
  const page = readFileSync(PAGE, 'utf8');
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${PAGE}: put the lines ${BEGIN} and ${END} there`);
  const rows = all.map(({ bug, violation }) => {
    const { hazard, does, seeds } = BUGS[bug];
    return row(`\`${bug}\``, hazard, does, violation === null ? '–' : String(violation.seed), String(seeds), seenAs(violation?.text ?? ''));
  }); // prettier-ignore
  const head = row('Switch', 'Hazard', 'What it does', 'Found at seed', 'Bound', 'What is seen');
  const table = [head, row('---', '---', '---', '---', '---', '---'), ...rows].join('\n');
  writeFileSync(PAGE, `${page.slice(0, from + BEGIN.length)}\n\n${table}\n\n${page.slice(to)}`);
}
