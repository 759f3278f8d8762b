import { timeChart } from '../lab/chart/time-chart.ts';
import { grid } from '../lab/grid.ts';
import { type Circumstances, circumstancesText } from '../lab/results.ts';
import type { FleetCommand } from './options.ts';
import type { Recovery } from './recovery.ts';
import { FLEET_SCENARIOS } from './scenarios.ts';

type Cell = readonly [head: string, text: (recovery: Recovery) => string];

const CELLS: readonly Cell[] = [
  ['affected', ({ affected }) => String(affected)],
  ['half back s', ({ halfBackMs }) => seconds(halfBackMs)],
  ['99 % back s', ({ almostAllBackMs }) => seconds(almostAllBackMs)],
  ['all back s', ({ allBackMs }) => seconds(allBackMs)],
  ['handshakes/s at the peak', ({ peakPerSecond }) => String(peakPerSecond)],
  ['at one machine', ({ peakPerMachine }) => String(peakPerMachine)],
  ['subflows made', ({ handshakes }) => String(handshakes)],
  ['in vain', ({ failedHandshakes }) => String(failedHandshakes)],
  ['waited for a core ms', ({ longestWaitMs }) => longestWaitMs.toFixed(0)],
  ['sessions a machine', ({ leastSessions, mostSessions }) => `${leastSessions}-${mostSessions}`],
];

const COLOURS = { served: '#1f6feb', begun: '#d9822b' };

/** The table, with the machine and the date. */
export function reportText(
  recoveries: readonly Recovery[],
  options: FleetCommand,
  where: Circumstances,
): string {
  const { clients, machines, cores, handshakeMs, handshakesPerSecond, jitter, seed } = options;
  return [
    circumstancesText(where),
    '',
    `${clients} clients with two uplinks, ${machines} machines of ${cores} ${cores === 1 ? 'core' : 'cores'}, ` +
      `${handshakeMs} ms a handshake, at most ${handshakesPerSecond} a second at each, ` +
      `back-off ${jitter ? 'by chance' : 'without chance'}, seed ${seed}`,
    '',
    grid([
      ['', ...CELLS.map(([head]) => head)],
      ...recoveries.map((recovery) => [titleOf(recovery), ...CELLS.map(([, text]) => text(recovery))]),
    ]),
  ].join('\n');
}

/** By scenario: clients that are served, and handshakes that begin, over time. */
export function pictures(recoveries: readonly Recovery[]): Map<string, string> {
  return new Map(recoveries.map((recovery) => [recovery.scenario, picture(recovery)]));
}

function picture(recovery: Recovery): string {
  const { looks, clients } = recovery;
  const points = (of: (look: Recovery['looks'][number]) => number) =>
    looks.map((look) => [look.atMs / 1_000, of(look)] as const);
  const first = looks[1]?.atMs ?? 1;
  return timeChart({
    title: titleOf(recovery),
    subtitle: `${clients} clients; handshakes that begin in a second`,
    xLabel: 's after the fault',
    series: [
      { label: 'clients with a session', colour: COLOURS.served, points: points(({ served }) => served) },
      {
        label: 'handshakes/s',
        colour: COLOURS.begun,
        points: points(({ begun }) => begun * (1_000 / first)),
      },
    ],
  });
}

function titleOf({ scenario }: Recovery): string {
  return FLEET_SCENARIOS.find(({ name }) => name === scenario)?.title ?? scenario;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'not' : (ms / 1_000).toFixed(1);
}
