// The command line's shape: commands, flags and help. What a command does stands in its own file.
import { Command } from 'commander';

export interface CommonFlags {
  config: string | null;
  set: string[];
  /** Ends the process when standard input closes: children of the demo die with it. */
  watchStdin: boolean;
}

export interface DemoFlags {
  check: boolean;
  readyFile: string | null;
}

export interface Actions {
  router(flags: CommonFlags): Promise<void>;
  transfer(flags: CommonFlags): Promise<void>;
  engine(flags: CommonFlags): Promise<void>;
  demo(flags: DemoFlags): Promise<void>;
}

const EXAMPLES = `
Settings come from the YAML file, then the environment (BATON_ROUTER__PORT=8000 is router.port), then --set.
Every key with its default: docs/configuration.md. The cluster key: cluster.key_files or BATON_CLUSTER_KEY.`;

function process(
  program: Command,
  name: string,
  description: string,
  act: (flags: CommonFlags) => Promise<void>,
): void {
  program
    .command(name)
    .description(description)
    .option('-c, --config <file>', 'YAML configuration file')
    .option(
      '-s, --set <key=value>',
      'override one setting, repeatable',
      (value: string, all: string[]) => [...all, value],
      [],
    )
    .option('--watch-stdin', 'end when standard input closes', false)
    .addHelpText('after', EXAMPLES)
    .action((options: { config?: string; set: string[]; watchStdin: boolean }) =>
      act({ config: options.config ?? null, set: options.set, watchStdin: options.watchStdin }),
    );
}

/** The `baton` program. Parsing runs the chosen action. */
export function createProgram(actions: Actions, version: string): Command {
  const program = new Command('baton')
    .description('Serve large language models with prefill and decode on separate pools.')
    .version(version)
    .showHelpAfterError('(see: baton --help)');
  process(program, 'router', 'take OpenAI requests and decide who prefills and who decodes', (f) =>
    actions.router(f),
  );
  process(program, 'transfer', 'carry KV cache between this node and others (one per node)', (f) =>
    actions.transfer(f),
  );
  process(
    program,
    'engine',
    'run the reference engine (a small real model, or synthetic KV of any size)',
    (f) => actions.engine(f),
  );
  program
    .command('demo')
    .description(
      'two nodes on loopback: prefill and decode engines, transfer services, the router, a few conversations',
    )
    .option(
      '--check',
      'run unattended, compare every answer with an engine serving alone, exit 0 only if all are equal',
      false,
    )
    .option('--ready-file <path>', 'write JSON with all URLs and pids once everything is ready')
    .action((options: { check: boolean; readyFile?: string }) =>
      actions.demo({ check: options.check, readyFile: options.readyFile ?? null }),
    );
  return program;
}
