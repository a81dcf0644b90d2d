// The first place where the real bus and the model differ, readably.
import type { Script } from './generate.ts';
import { outcomeOf } from './native.ts';

/** Null when they are equal line by line. `real` null: the driver died. */
export function difference(script: Script, real: string | null): string | null {
  if (script.broken !== null) return `the model breaks an invariant: ${script.broken}`;
  if (real === null) return 'the driver over the real bus died';
  const model = outcomeOf(script);
  if (model === real) return null;
  const [expected, seen] = [model.split('\n'), real.split('\n')];
  const at = expected.findIndex((line, i) => line !== seen[i]);
  const place = at < 0 ? expected.length : at;
  const step = Number(/^# (\d+)$/.exec(expected.slice(0, place + 1).findLast((l) => l.startsWith('# ')) ?? '')?.[1] ?? 1);
  const before = script.lines.slice(Math.max(0, step - 4), step).map((line, i, all) => `  ${step - all.length + i + 1} ${line}`);
  return [...before, `  model: ${expected[place] ?? '(nothing more)'}`, `  real:  ${seen[place] ?? '(nothing more)'}`].join('\n');
} // prettier-ignore

/** The whole script with what each line led to; where both differ, both. */
export function readable(script: Script, real: string | null): string {
  const steps = (real ?? '').split(/^# \d+\n?/m).slice(1);
  const text = script.lines.map((line, i) => {
    const model = (script.outputs[i] ?? []).join('\n').split('\n').filter(Boolean);
    const seen = (steps[i] ?? '').split('\n').filter(Boolean);
    const same = model.join('\n') === seen.join('\n');
    const shown = same ? model.map((l) => `      ${l}`) : [...model.map((l) => `    - ${l}`), ...seen.map((l) => `    + ${l}`)];
    return [`${String(i + 1).padStart(4)} ${line}`, ...shown].join('\n');
  });
  return text.join('\n');
} // prettier-ignore
