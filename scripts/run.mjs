// Helpers of the scripts: children on the pinned Node, captured output, counted steps. Runs on Node 20 too.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';

export const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules', '.bin');
const pinned = join(bin, 'node');

/** The Node that children run on: ours when it is new enough, else the pinned one from npm. */
export const node =
  Number(process.versions.node.split('.')[0]) < 24 && existsSync(pinned) ? pinned : process.execPath;

const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };

/** Is there a file below `folder` whose path matches? Build folders do not count. */
export function hasFile(folder, pattern) {
  const path = join(root, folder);
  if (!existsSync(path)) return false;
  return readdirSync(path, { withFileTypes: true }).some((entry) =>
    entry.isDirectory()
      ? entry.name !== 'build' && hasFile(join(folder, entry.name), pattern)
      : pattern.test(join(folder, entry.name)),
  );
}

/** Runs quietly; throws with the command's last lines when it fails. */
export function quietly(command, args, options = {}) {
  const done = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}`;
  if (done.status === 0) return output;
  const tail = output.split('\n').slice(-120).join('\n');
  throw new Error(
    `${[command, ...args].join(' ')} failed (${done.error?.message ?? done.signal ?? done.status})\n${tail}`,
  );
}

/** A build folder that came along with a copied tree still names the old place: cmake refuses it. */
export function dropForeignCache(build) {
  const cache = join(build, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const made = /^CMAKE_CACHEFILE_DIR:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  if (made !== build) rmSync(build, { recursive: true });
}

const reports = mkdtempSync(join(tmpdir(), 'baton-test-'));
process.on('exit', () => rmSync(reports, { recursive: true, force: true }));

/** Fault tests wait far more than they compute: a tenth of two cores with three files at a time. */
const workers = { fault: ['--maxWorkers=6'] };

/** A step: the tests of one project of vitest.config.ts, all or those of the named files. */
export function vitest(project, ...files) {
  const report = join(reports, `${project}.json`);
  const main = join(root, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return {
    name: project,
    report,
    command: [node, main, 'run', '--project', project, ...(workers[project] ?? []), ...reporters, ...files],
  };
}

const countLine = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

/** One line of counts; what is skipped stands there only where something is. */
const countsLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

/** Each failure of a vitest report in one line: what stands last in a log is what is kept of it. */
const failuresIn = ({ testResults }) =>
  testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const line = (title, text = '') => `failed: ${file}${title} — ${text.split('\n')[0].slice(0, 300)}`;
    if (status === 'failed' && assertionResults.length === 0) return [line('', message)];
    return assertionResults
      .filter((test) => test.status === 'failed')
      .map(({ fullName, failureMessages }) => line(` > ${fullName}`, failureMessages[0]));
  });

/** Counts of a step: vitest's JSON report, else the last `N passed, N failed` line, else the step itself is 1. */
function countsOf(step, ok, lines) {
  let counts;
  if (step.report && existsSync(step.report)) {
    const report = JSON.parse(readFileSync(step.report, 'utf8'));
    const broken = report.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0);
    counts = {
      passed: report.numPassedTests,
      failed: report.numFailedTests + broken.length,
      skipped: report.numPendingTests,
      failures: failuresIn(report),
    };
  } else {
    const match = lines.map((line) => countLine.exec(line)).findLast(Boolean);
    counts = match
      ? { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) }
      : { passed: ok ? 1 : 0, failed: 0, skipped: 0 };
  }
  if (!ok && counts.failed === 0) counts.failed = 1;
  return { failures: counts.failed > 0 ? [`failed: ${step.name}`] : [], ...counts };
}

function runStep(step) {
  return new Promise((resolve) => {
    const child = spawn(step.command[0], step.command.slice(1), {
      cwd: root,
      env: { ...env, ...step.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk) => {
      text += chunk;
      process.stdout.write(chunk);
    });
    child.on('error', (error) => {
      console.error(error.message);
      resolve(countsOf(step, false, []));
    });
    child.on('close', (code) => {
      resolve(countsOf(step, code === 0, text.split('\n')));
    });
  });
}

/** Runs all steps one after the other, whatever fails, and ends the process with the sum. */
export async function runSteps(steps) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const table = [];
  const failures = [];
  for (const step of steps) {
    console.log(`\n== ${step.name}`);
    const started = performance.now();
    const counts = await runStep(step);
    for (const key of Object.keys(total)) total[key] += counts[key];
    failures.push(...counts.failures);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    table.push(`${step.name.padEnd(20)} ${seconds.padStart(7)} s  ${countsLine(counts)} `);
  }
  if (failures.length > 0) console.log(`\n${failures.join('\n')}`);
  console.log(`\n${table.join('\n')}\n\n${countsLine(total)}`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}
