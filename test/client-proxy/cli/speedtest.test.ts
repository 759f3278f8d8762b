import { expect, it } from 'vitest';
import type { ClientCliDeps } from '../../../client-proxy/cli/client-cli-deps.ts';
import type { ClientConfig } from '../../../client-proxy/config/client-config.ts';
import type {
  SpeedProgress,
  SpeedReport,
  SpeedTestRequest,
  UplinkSpeed,
} from '../../../client-proxy/speedtest/speed-report.ts';
import { writePrivateFile } from '../../../shared/runtime/files/private-file.ts';
import { NO_TERMINAL } from '../../support/no-terminal.ts';
import { cli, KEY, PIN } from './client-cli-bed.ts';

const PROGRESS: readonly SpeedProgress[] = [
  { phase: 'idle', uplinks: ['dsl'], share: 0 },
  { phase: 'alone', direction: 'down', uplinks: ['dsl'], share: 0.1 },
  { phase: 'alone', direction: 'down', uplinks: ['dsl'], bitsPerSecond: 16e6, share: 0.2 },
  { phase: 'aggregate', direction: 'up', uplinks: ['dsl', 'lte'], bitsPerSecond: 4e6, share: 1 },
];

const UPLINK: UplinkSpeed = {
  ...{ name: 'dsl', state: 'measured', reason: '', isBackup: false, isMetered: false, idleMs: 20 },
  ...{ alone: { down: null, up: null }, beside: { down: null, up: null } },
};

const REPORT: SpeedReport = {
  ...{ startedMs: 0, tookMs: 1_000, uplinks: [UPLINK], aggregate: { down: null, up: null } },
  ...{ aggregateIdleMs: 20, aggregateReason: '', shared: [], advice: ['All is well.'], bytes: 1_000_000 },
};

interface Run {
  readonly report?: SpeedReport;
  readonly uplinks?: readonly object[];
  readonly answer?: string;
  readonly isTerminal?: boolean;
  readonly mode?: string;
}

const DSL = { name: 'dsl', address: '10.0.0.5' };
const LTE = { name: 'lte', address: '192.168.1.5', metered: {} };

/** Calls `speedtest` with a configuration of these uplinks. */
async function speedtest(args: readonly string[], run: Run = {}) {
  const { report = REPORT, uplinks = [DSL, LTE], answer, isTerminal = false, mode } = run;
  const asked: { config: ClientConfig; request: SpeedTestRequest }[] = [];
  const questions: string[] = [];
  const overrides: Partial<ClientCliDeps> = {
    input: {
      isTerminal: answer !== undefined,
      readText: () => Promise.resolve(undefined),
      ask(question) {
        questions.push(question);
        return Promise.resolve(answer);
      },
    },
    terminal: { ...NO_TERMINAL, isTerminal, size: { columns: 40, rows: 24 } },
    speedTest(config, request, onProgress) {
      asked.push({ config, request });
      for (const progress of PROGRESS) onProgress(progress);
      return Promise.resolve(report);
    },
  };
  const { exec, home } = await cli(overrides);
  const file = `${home}/client.yaml`;
  const config = {
    ...(mode === undefined ? {} : { mode }),
    ...(mode === 'direct'
      ? {}
      : {
          concentrator: { addresses: ['198.51.100.1:8443'], pin: PIN },
          client: { id: 'laptop', key: KEY },
        }),
    publish: [],
    uplinks,
  };
  await writePrivateFile(file, JSON.stringify(config), { overwrite: true });
  const result = await exec('speedtest', '--config', file, ...args);
  return { ...result, asked, questions };
}

it('measures with a client of its own that serves nobody, and prints the report', async () => {
  const { code, stdout, stderr, asked } = await speedtest([]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^uplink +idle.*All is well\..*1 MB in 1 s\n$/s)]);
  const [{ config, request }] = asked as [(typeof asked)[0]];
  expect(request).toEqual({ metered: false, maxBytes: 200_000_000, measurementMs: 3_000 });
  expect(config.uplinks.map(({ name }) => name)).toEqual(['dsl']);
  expect([config.socks.listen, config.publish, config.datagrams]).toEqual([[], [], false]);
  expect(config).not.toHaveProperty('metrics');
  expect(config).not.toHaveProperty('autoUplinks');
  expect(stderr).toMatch(/lte is metered and left out: --metered measures it, too/);
});

it('says each step once where nobody looks at a screen, and one line that changes where somebody does', async () => {
  const { stderr } = await speedtest([]);
  expect(stderr.split('\n').slice(1, -1)).toEqual([
    '  0 %  round trips of dsl',
    ' 10 %  download  dsl',
    '100 %  upload  aggregate',
  ]);
  const screen = await speedtest([], { isTerminal: true });
  expect(screen.stderr).toContain('\r\x1b[K 20 %  download  dsl  16 Mbit/s\r\x1b[K');
  expect(screen.stderr.endsWith('\r\x1b[K')).toBe(true);
});

it('prints the report for programs, without escapes', async () => {
  const { stdout, stderr } = await speedtest(['--json'], { isTerminal: true });
  expect(JSON.parse(stdout)).toEqual(REPORT);
  expect(stderr).not.toContain('\x1b');
});

it.each([
  [['--metered'], undefined, ['dsl', 'lte'], 0],
  [[], 'y', ['dsl', 'lte'], 1],
  [[], 'YES', ['dsl', 'lte'], 1],
  [[], '', ['dsl'], 1],
  [[], 'n', ['dsl'], 1],
  [['--uplink', 'dsl'], 'y', ['dsl'], 0],
] as const)('%j, answered with %j, measures %j', async (args, answer, names, questions) => {
  const result = await speedtest(args, answer === undefined ? {} : { answer });
  expect(result.asked[0]!.config.uplinks.map(({ name }) => name)).toEqual(names);
  expect(result.questions).toHaveLength(questions);
  if (questions > 0) expect(result.questions[0]).toMatch(/^lte is metered; the test may use up to 200 MB/);
});

it.each([
  [['--max', 'much'], 2, /--max: expected/],
  [['--max', '0B'], 2, /--max: expected/],
  [['--seconds', '0'], 2, /--seconds: expected a number from 1 to 60/],
  [['--seconds', 'x'], 2, /--seconds: expected/],
  [['--uplink', 'cable'], 2, /there is no uplink cable now: there are dsl, lte/],
  [['--uplink', 'lte'], 1, /there is no uplink to measure now/],
] as const)('%j ends with %i', async (args, code, words) => {
  const result = await speedtest(args);
  expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(words)]);
  expect(result.asked).toEqual([]);
});

it('takes bytes and seconds', async () => {
  const { asked } = await speedtest(['--max', '50MB', '--seconds', '1.5']);
  expect(asked[0]!.request).toEqual({ metered: false, maxBytes: 50_000_000, measurementMs: 1_500 });
});

it.each([
  [
    { uplinks: [UPLINK, { ...UPLINK, name: 'lte', state: 'failed', reason: 'no answer' }] },
    /not measured: lte/,
  ],
  [{ aggregateReason: 'the concentrator is older' }, /not measured: the aggregate/],
] as const)(
  'prints what there is and ends with 1 when something could not be measured',
  async (part, words) => {
    const { code, stdout, stderr } = await speedtest([], { report: { ...REPORT, ...part } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(words)]);
    expect(stdout).toMatch(/All is well/);
  },
);

it('has nothing to measure with in mode direct', async () => {
  const { code, stderr } = await speedtest([], { mode: 'direct' });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/there is no concentrator to measure with/)]);
});
