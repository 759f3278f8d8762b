import { timeChart } from '../lab/chart/time-chart.ts';
import { grid } from '../lab/grid.ts';
import { type Circumstances, circumstancesText } from '../lab/results.ts';
import type { FleetCommand } from './options.ts';
import type { Look, Recovery } from './recovery.ts';
import { FLEET_SCENARIOS } from './scenarios.ts';

type Cell = readonly [head: string, text: (recovery: Recovery) => string];

const CELLS: readonly Cell[] = [
  ['affected', ({ affected }) => String(affected)],
  ['half back s', ({ halfBackMs }) => seconds(halfBackMs)],
  ['99 % back s', ({ almostAllBackMs }) => seconds(almostAllBackMs)],
  ['all back s', ({ allBackMs }) => seconds(allBackMs)],
  ['all uplinks s', ({ wholeMs }) => seconds(wholeMs)],
  ['handshakes/s at the peak', ({ peakPerSecond }) => String(peakPerSecond)],
  ['at one machine', ({ peakPerMachine }) => String(peakPerMachine)],
  ['subflows made', ({ handshakes }) => String(handshakes)],
  ['in vain', ({ failedHandshakes }) => String(failedHandshakes)],
  ['waited for a core ms', ({ longestWaitMs }) => longestWaitMs.toFixed(0)],
  ['sessions a machine', ({ leastSessions, mostSessions }) => `${leastSessions}-${mostSessions}`],
];

const COLOURS = { served: '#1f6feb', begun: '#d9822b' };
const COLOURS_WITHOUT_JITTER = { served: '#80ccff', begun: '#a475f9' };

/** Said of a run whose back-off is not drawn by chance. */
export const WITHOUT_JITTER = ', no jitter';

/** The table, with the machine and the date. */
export function reportText(
  recoveries: readonly Recovery[],
  options: FleetCommand,
  where: Circumstances,
): string {
  const { clients, machines, cores, handshakeMs, handshakesPerSecond, shareAddress, seed } = options;
  return [
    circumstancesText(where),
    '',
    `${clients} clients with two uplinks, ${machines} machines of ${cores} ${cores === 1 ? 'core' : 'cores'}, ` +
      `${handshakeMs} ms a handshake, at most ${handshakesPerSecond} a second at each, ` +
      `${shareAddress ? 'all behind one address of each of two providers, ' : ''}seed ${seed}`,
    '',
    grid([
      ['', ...CELLS.map(([head]) => head)],
      ...recoveries.map((recovery) => [
        `${titleOf(recovery.scenario)}${recovery.jitter ? '' : WITHOUT_JITTER}`,
        ...CELLS.map(([, text]) => text(recovery)),
      ]),
    ]),
  ].join('\n');
}

/** By scenario: clients that are served, and handshakes that begin, over time. */
export function pictures(recoveries: readonly Recovery[]): Map<string, string> {
  const names = new Set(recoveries.map(({ scenario }) => scenario));
  return new Map(
    [...names].map((name) => [name, picture(recoveries.filter(({ scenario }) => scenario === name))]),
  );
}

function picture(runs: readonly Recovery[]): string {
  const [{ scenario, clients }] = runs as readonly [Recovery];
  return timeChart({
    title: titleOf(scenario),
    subtitle: `${clients} clients; handshakes that begin in a second`,
    xLabel: 's after the fault',
    series: runs.flatMap(({ looks, jitter }) => {
      const colours = jitter ? COLOURS : COLOURS_WITHOUT_JITTER;
      const manner = jitter ? '' : WITHOUT_JITTER;
      const points = (of: (look: Look) => number) =>
        looks.map((look) => [look.atMs / 1_000, of(look)] as const);
      const first = looks[1]?.atMs ?? 1;
      return [
        {
          label: `clients with a session${manner}`,
          colour: colours.served,
          points: points(({ served }) => served),
        },
        {
          label: `handshakes/s${manner}`,
          colour: colours.begun,
          points: points(({ begun }) => begun * (1_000 / first)),
        },
      ];
    }),
  });
}

function titleOf(scenario: string): string {
  return FLEET_SCENARIOS.find(({ name }) => name === scenario)?.title ?? scenario;
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? 'not' : (ms / 1_000).toFixed(1);
}
