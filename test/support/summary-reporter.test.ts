import { expect, it } from 'vitest';
import type { TestModule, Vitest } from 'vitest/node';
import type { Lack } from './needs.ts';
import { SummaryReporter } from './summary-reporter.ts';

interface FakeTest {
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
  readonly note?: string;
  readonly flaky?: boolean;
  readonly lack?: Lack;
}

/** What is printed at the end of a run of one file. */
function summary(tests: readonly FakeTest[], fileErrors: readonly unknown[] = []): string[] {
  const lines: string[] = [];
  const reporter = new SummaryReporter();
  reporter.onInit({ logger: { log: (line: string) => lines.push(line) } } as unknown as Vitest);
  const children = {
    allTests: () =>
      tests.map(({ lack, flaky = false, ...result }) => ({
        fullName: 'relay > ends',
        result: () => result,
        meta: () => ({ lack }),
        diagnostic: () => ({ flaky }),
      })),
    allSuites: () => [],
  };
  const module = { relativeModuleId: 'test/relay.test.ts', children, errors: () => fileErrors };
  reporter.onTestRunEnd([module as unknown as TestModule], []);
  return lines;
}

it('ends with the counts; a file that cannot be loaded has failed', () => {
  expect(summary([{ state: 'passed' }, { state: 'failed' }])).toEqual(['1 passed, 1 failed, 0 skipped']);
  expect(summary([], [new Error('no such module')])).toEqual(['0 passed, 1 failed, 0 skipped']);
});

it('names those that passed when they were run again', () => {
  expect(summary([{ state: 'passed', flaky: true }, { state: 'passed' }])).toEqual([
    '1 failed at first and passed when run again:',
    '  test/relay.test.ts > relay > ends',
    '2 passed, 0 failed, 0 skipped',
  ]);
});

it('says before why tests were skipped, the most frequent reason first, and how to run them', () => {
  const noRoot: Lack = { reason: 'namespaces need root', packages: ['nftables'], isRootLacking: true };
  const noCurl: Lack = { reason: 'not installed: curl', packages: ['curl'], isRootLacking: false };
  const lines = summary([
    { state: 'skipped', lack: noCurl },
    ...Array.from({ length: 10 }, () => ({ state: 'skipped', lack: noRoot }) as const),
    { state: 'skipped', note: 'the machine is too busy' },
    { state: 'skipped' },
    { state: 'pending' },
  ]);
  expect(lines).toEqual([
    '14 skipped:',
    '  10  namespaces need root',
    '   1  not installed: curl',
    '   1  the machine is too busy',
    '   1  not selected',
    '   1  not finished',
    'To run them: apt-get install --no-install-recommends curl nftables (Debian), then npm test as root',
    '0 passed, 0 failed, 14 skipped',
  ]);
});
