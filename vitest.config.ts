import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

/** They run the built programs, in namespaces of their own or at loopback addresses of their own. */
const PROGRAMS = [
  'test/system/**/*.test.ts',
  'test/end-to-end/**/*.test.ts',
  'test/interop/**/*.test.ts',
  'test/hostile/**/*.test.ts',
];
/** They measure what the programs and the machine can do, and so run alone. */
const MEASURED = [
  'test/system/measured/**/*.test.ts',
  'test/hostile/measured/**/*.test.ts',
  'test/hostile/handshake-flood.test.ts',
  'test/hostile/opens.test.ts',
];
/** They mostly wait for slow links: two at a time leave a processor idle. */
const PROGRAM_FILES_AT_ONCE = Math.min(2, availableParallelism());

const programs = {
  globalSetup: ['test/support/build-programs.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

/** One project after the other, in the order of their groups. */
export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...PROGRAMS, ...MEASURED],
          sequence: { groupOrder: 0 },
          // By default one processor is left idle.
          maxWorkers: '100%',
          // A simulation of a minute costs seconds of processor time, and many times that on a machine that is busy.
          testTimeout: 180_000,
        },
      },
      {
        test: {
          ...programs,
          name: 'programs',
          include: PROGRAMS,
          exclude: MEASURED,
          sequence: { groupOrder: 1 },
          maxWorkers: PROGRAM_FILES_AT_ONCE,
        },
      },
      {
        test: {
          ...programs,
          name: 'measured',
          globalSetup: [...programs.globalSetup, 'test/support/build-measuring-programs.ts'],
          include: MEASURED,
          sequence: { groupOrder: 2 },
          fileParallelism: false,
        },
      },
    ],
  },
});
