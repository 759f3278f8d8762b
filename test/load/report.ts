import { barChart } from '../lab/chart/bar-chart.ts';
import { grid } from '../lab/grid.ts';
import { type Circumstances, circumstancesText } from '../lab/results.ts';
import { failureCount } from './crowd-load.ts';
import { type ClientFigures, clientText } from './measure-client.ts';
import type { SessionFigures } from './measure-sessions.ts';
import type { StreamFigures } from './measure-streams.ts';
import { type WorkersFigures, workersText } from './measure-workers.ts';

/** What one contender did, or why it did not. */
export interface StreamRecord {
  readonly contender: string;
  readonly figures: StreamFigures;
  readonly error?: string;
}

/** All that was measured. */
export interface LoadResults {
  readonly streams: readonly StreamRecord[];
  readonly sessions?: SessionFigures;
  readonly sessionsError?: string;
  readonly workers?: readonly WorkersFigures[];
  readonly client?: readonly ClientFigures[];
}

type Cell = readonly [head: string, text: (figures: StreamFigures) => string];

const CELLS: readonly Cell[] = [
  ['opens/s', ({ opensPerSecond }) => digits(opensPerSecond, 0)],
  ['open p50 ms', ({ openP50Ms }) => digits(openP50Ms, 2)],
  ['open p99 ms', ({ openP99Ms }) => digits(openP99Ms, 2)],
  ['idle held', ({ idle }) => digits(idle, 0)],
  ['KiB each', ({ bytesPerIdle }) => digits(bytesPerIdle && bytesPerIdle / 1024, 1)],
  ['turn p50 ms', ({ turnP50Ms }) => digits(turnP50Ms, 1)],
  ['turn p99 ms', ({ turnP99Ms }) => digits(turnP99Ms, 1)],
  ['open beside p50 ms', ({ loadedOpenP50Ms }) => digits(loadedOpenP50Ms, 2)],
  ['open beside p99 ms', ({ loadedOpenP99Ms }) => digits(loadedOpenP99Ms, 2)],
  [
    'failed',
    ({ failures = {}, connections }) =>
      connections === undefined ? '-' : `${failureCount(failures)}/${connections}`,
  ],
];

const COLOURS: readonly [string, string] = ['#1f6feb', '#d9822b'];

/** The table, with the machine and the date. */
export function reportText(results: LoadResults, where: Circumstances): string {
  const { streams, sessions, sessionsError, workers, client } = results;
  const lines = [
    circumstancesText(where),
    '',
    ...(streams.length === 0 ? [] : [streamsTable(streams)]),
    ...streams.flatMap(({ contender, error, figures: { failures = {} } }) => {
      const reasons = Object.entries(failures).map(([reason, count]) => `${count} failed: ${reason}`);
      return [...(error === undefined ? [] : [error]), ...reasons].map((what) => `${contender}: ${what}`);
    }),
  ];
  if (sessionsError !== undefined) lines.push('', `sessions: ${sessionsError}`);
  if (sessions) lines.push('', ...sessionsText(sessions));
  if (client) lines.push('', clientText(client));
  if (workers) lines.push('', workersText(workers));
  return lines.join('\n');
}

function streamsTable(streams: readonly StreamRecord[]): string {
  return grid([
    ['', ...CELLS.map(([head]) => head)],
    ...streams.map(({ contender, figures }) => [contender, ...CELLS.map(([, text]) => text(figures))]),
  ]);
}

function sessionsText(figures: SessionFigures): readonly string[] {
  const { sessions, clients, failures, fetches } = figures;
  const mebibytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(2)} s`;
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return [
    `${clients} clients in the list of a concentrator, ${sessions} sessions of two subflows`,
    grid([
      ['listens after', seconds(figures.startMs)],
      ['processor time until then', seconds(figures.startCpuMs)],
      ['memory then', mebibytes(figures.startBytes)],
      ['all sessions up after', seconds(figures.upMs)],
      ['processor time of a subflow that is made', `${figures.subflowCpuMs.toFixed(2)} ms`],
      ['memory with all sessions idle', mebibytes(figures.idleBytes)],
      ['of that, a session', `${(figures.bytesPerSession / 1024).toFixed(0)} KiB`],
      ['processor time while all are idle, of a core', percent(figures.idleCpuShare)],
      ['the same of all clients together', percent(figures.clientsIdleCpuShare)],
      ['fetches of 10 kB over all sessions, p50', `${figures.fetchP50Ms.toFixed(1)} ms`],
      ['p99', `${figures.fetchP99Ms.toFixed(1)} ms`],
      ['failed', `${failureCount(failures)} of ${fetches}`],
    ]),
  ];
}

/** Pictures by name. */
export function pictures({ streams }: LoadResults): Map<string, string> {
  const bars = (label: string, colour: string, value: number | undefined) =>
    value === undefined ? [] : [{ label, colour, value }];
  const opens = barChart({
    title: 'Opening connections through a proxy that holds many',
    subtitle: 'ms to the first byte, 99th percentile',
    groups: streams.map(({ contender, figures }) => ({
      label: contender,
      bars: [
        ...bars('nothing else to do', COLOURS[0], figures.openP99Ms),
        ...bars('beside all connections', COLOURS[1], figures.loadedOpenP99Ms),
      ],
    })),
  });
  const memory = barChart({
    title: 'Memory for each idle connection',
    subtitle: 'KiB resident, all programs of a proxy together',
    groups: streams.map(({ contender, figures }) => ({
      label: contender,
      bars: bars('KiB', COLOURS[0], figures.bytesPerIdle && figures.bytesPerIdle / 1024),
    })),
  });
  return new Map([
    ['opens', opens],
    ['memory', memory],
  ]);
}

function digits(value: number | undefined, count: number): string {
  return value === undefined ? '-' : value.toFixed(count);
}
