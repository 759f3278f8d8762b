import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

/** What is deterministic. */
const CORE = ['test/protocol/**/*.test.ts', 'test/simulation/**/*.test.ts'];
/** They put something else in the place of a module, or look at a whole process: each file has a process of its own. */
const ISOLATED = [
  'test/client-proxy/client-proxy.test.ts',
  'test/client-proxy/network/path-diagnosis/kernel-source.test.ts',
  'test/runtime/dns/resolver.test.ts',
  'test/runtime/files/file-lock-takeover.test.ts',
  'test/runtime/observe/http-endpoint.test.ts',
  'test/server-concentrator/addresses/own-addresses.test.ts',
  'test/server-concentrator/concentrator-life.test.ts',
  'test/server-concentrator/concentrator.test.ts',
  'test/server-concentrator/page/page-feed.test.ts',
];
/** They run the programs, in namespaces of their own or at loopback addresses of their own. */
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
/** They make bundles and packages, and take minutes and, the first time, the network. */
const RELEASE = ['test/release/**/*.test.ts'];
/** Some of them wait for timers. By default even one processor would be left idle. */
const UNIT_FILES_AT_ONCE = availableParallelism() + 1;
/** They wait for slow links and for time limits, a third of their time: more of them would only be late. */
const PROGRAM_FILES_AT_ONCE = Math.min(4, availableParallelism() + 1);

/**
 * How often a test runs again that has failed where nobody can look at it. What runs on a real kernel depends on what else the
 * machine does; the end of the run names each test that needed it. The core is deterministic: it has no second chance.
 */
const retry = process.env.CI === 'true' ? 2 : 0;

/** What a test polls for comes at once, and much later on a machine that does much else. By default one second would be the limit. */
const polling = { poll: { timeout: 15_000 } };

/**
 * In memory and on loopback, in the process of the test. Files keep no state outside of a test, and so share processes: to start one costs more
 * than most of them.
 */
const inProcess = {
  isolate: false,
  expect: polling,
  sequence: { groupOrder: 0 },
  maxWorkers: UNIT_FILES_AT_ONCE,
  // A simulation of a minute costs seconds of processor time, and many times that on a machine that is busy.
  testTimeout: 180_000,
};
const programs = {
  retry,
  expect: polling,
  globalSetup: ['test/support/build-programs.ts', 'test/support/build-measuring-programs.ts'],
  testTimeout: 180_000,
  hookTimeout: 180_000,
};

/** One group of projects after the other, in their order. */
export default defineConfig({
  test: {
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        test: {
          ...inProcess,
          name: 'core',
          include: CORE,
        },
      },
      {
        test: {
          ...inProcess,
          name: 'unit',
          retry,
          include: ['test/**/*.test.ts'],
          exclude: [...CORE, ...ISOLATED, ...PROGRAMS, ...MEASURED, ...RELEASE],
        },
      },
      {
        test: {
          ...inProcess,
          name: 'isolated',
          retry,
          isolate: true,
          include: ISOLATED,
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
          include: MEASURED,
          sequence: { groupOrder: 2 },
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'release',
          retry,
          expect: polling,
          include: RELEASE,
          globalSetup: 'test/release/support/shared-folder.ts',
          testTimeout: 180_000,
          sequence: { groupOrder: 3 },
          fileParallelism: false,
        },
      },
    ],
  },
});
