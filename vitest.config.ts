import { defineConfig } from 'vitest/config';

// One project per kind of test: `vitest run --project unit|flow|fault|browser|vllm`.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Far from what any takes, on a machine at a load of ten too.
          testTimeout: 30_000,
          include: [
            'test/{unit,rules}/**/*.test.ts',
            // Unit tests live under test/unit; one that strays beside its source still runs.
            '{core,router,transfer,engines,cli}/**/*.test.ts',
          ],
        },
      },
      {
        extends: true,
        test: {
          name: 'flow',
          include: ['test/flow/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'fault',
          include: ['test/fault/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          // A deployment and a browser each: one after the other.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'vllm',
          include: ['test/vllm/**/*.test.ts'],
          // One pair of engines per dialect serves all files, one file after the other.
          globalSetup: ['test/vllm/setup.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 700_000,
        },
      },
    ],
  },
});
