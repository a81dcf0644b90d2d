// engines/vllm/README.md: the lines that put Baton under a deployment are those that these engines were started with.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { MODEL, describePair } from './live.ts';

/** The README's block as the shell reads it: one list of words per command. */
function commands(): string[][] {
  const readme = readFileSync(new URL('../../engines/vllm/README.md', import.meta.url), 'utf8');
  const block = /```\n(pip install [^`]*)```/.exec(readme)?.[1] ?? '';
  const shown = String.raw`show() { printf '%s\0' "$@" $'\n'; }; pip() { show pip "$@"; }; vllm() { show vllm "$@"; }; ${block}`;
  const words = execFileSync('bash', ['-c', shown], { encoding: 'utf8' });
  return words.split('\n\0').filter(Boolean).map((command) => command.split('\0').filter(Boolean)); // prettier-ignore
}

const flag = (words: readonly string[], name: string): string | undefined => words[words.indexOf(name) + 1];

describePair('baton', 'the lines of engines/vllm/README.md', (pair, live) => {
  it('install the wheel that npm run wheel makes', () => {
    expect(commands()[0]).toEqual(['pip', 'install', basename(live.wheel)]);
  });

  it('start the engines of this test, but for the names and places', () => {
    const words = commands()[1] ?? [];
    const { args } = pair.prefill;
    expect(words.slice(0, 3)).toEqual(['vllm', 'serve', 'MODEL']);
    expect(args[0]).toBe('serve');
    expect(args).toContain(MODEL);
    const flags = words.filter((word) => word.startsWith('--'));
    expect(flags).toEqual(['--block-size', '--kv-transfer-config']);
    expect(flag(args, '--block-size')).toBe(flag(words, '--block-size'));
    const written = JSON.parse(flag(words, '--kv-transfer-config') ?? '') as {
      kv_connector_extra_config: object;
    };
    const used = JSON.parse(flag(args, '--kv-transfer-config') ?? '') as typeof written;
    const { socket, engine } = used.kv_connector_extra_config as { socket: string; engine: string };
    expect({ ...used, kv_connector_extra_config: { socket, engine } }).toEqual({
      ...written,
      kv_connector_extra_config: { ...written.kv_connector_extra_config, socket, engine },
    });
  });
});
