// The command line's entry. Commands load what they need only when chosen.
import { VERSION } from '#core/version.ts';
import { createProgram } from './program.ts';
import { fail } from './lifecycle.ts';

const program = createProgram(
  {
    router: async (flags) => (await import('./router.ts')).routerCommand(flags),
    transfer: async (flags) => (await import('./transfer.ts')).transferCommand(flags),
    engine: async (flags) => (await import('./engine.ts')).engineCommand(flags),
    doctor: async (flags) => (await import('./doctor.ts')).doctorCommand(flags),
    demo: async (flags) => (await import('./demo/main.ts')).demoCommand(flags),
    vllmDemo: async (flags) => (await import('./demo/vllm.ts')).vllmDemoCommand(flags),
  },
  VERSION,
);

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? 0);
} catch (error) {
  fail(error);
}
