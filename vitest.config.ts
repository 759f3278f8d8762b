import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

/** They run the built programs, real kernels and real other software, and measure time: one file after the other. */
const WHOLE_SYSTEM = [
  'test/system/**/*.test.ts',
  'test/end-to-end/**/*.test.ts',
  'test/interop/**/*.test.ts',
];

export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: WHOLE_SYSTEM,
          sequence: { groupOrder: 0 },
          // A simulation of a minute costs seconds of processor time, several times that on a small or busy machine.
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: WHOLE_SYSTEM,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          globalSetup: ['test/support/build-programs.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
