// baton doctor
import { clusterKeys, loadConfig } from '#core/config.ts';
import { systemClock } from '#core/clock.ts';
import { systemRandom } from '#core/random.ts';
import { count, report, runDoctor } from '#router/doctor/main.ts';
import type { DoctorFlags } from './program.ts';

export async function doctorCommand({ config: file, set, json, probe }: DoctorFlags): Promise<void> {
  const config = loadConfig({ file, env: process.env, sets: set });
  const keys = clusterKeys(config, process.env);
  const findings = await runDoctor(config, probe, { keys, clock: systemClock, random: systemRandom });
  process.stdout.write(`${json ? JSON.stringify(findings, null, 2) : report(findings)}\n`);
  if (count(findings, 'error') > 0) process.exitCode = 1;
}
