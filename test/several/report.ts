import { timeChart } from '../lab/chart/time-chart.ts';
import { type Circumstances, circumstancesText } from '../lab/results.ts';
import type { FailoverRecord } from './failover.ts';
import type { IdleCost } from './idle.ts';

export interface SeveralResults {
  readonly idle: readonly IdleCost[];
  readonly failovers: readonly FailoverRecord[];
}

/** Rates are means over this time. */
const STEP_MS = 200;
const SERIES = [
  { name: 'near', label: 'by the near one', colour: '#1f6feb' },
  { name: 'far', label: 'by the far one', colour: '#d9822b' },
] as const;
const TITLES: Readonly<
  Record<FailoverRecord['failover'], readonly [title: string, lost: string, back: string]>
> = {
  killed: ['The chosen concentrator is killed', 'killed', 'started again'],
  silent: ['The chosen concentrator falls silent', 'its packets vanish', 'they pass again'],
};

/** The figures, in Markdown. */
export function reportText({ idle, failovers }: SeveralResults, where: Circumstances): string {
  const lines = [circumstancesText(where), ''];
  if (idle.length > 0) {
    lines.push(
      '| an idle client with | wake-ups/s | % of a core | bytes a minute |',
      '| --- | --- | --- | --- |',
      ...idle.map(
        ({ title, wakesPerSecond, corePercent, carried }) =>
          `| ${title} | ${wakesPerSecond.toFixed(1)} | ${corePercent.toFixed(2)} | ${carried
            .map(
              ({ concentrator, uplink, bytesPerMinute }) =>
                `${concentrator} over ${uplink}: ${Math.round(bytesPerMinute)}`,
            )
            .join('; ')} |`,
      ),
      '',
    );
  }
  for (const { failover, takenMs, fetches, failures } of failovers)
    lines.push(
      `${TITLES[failover][0]}: the other one carries the first bytes after ${Math.round(takenMs)} ms; ` +
        `${failures} of ${fetches} connections broke`,
    );
  return lines.join('\n');
}

/** One picture for each failover. */
export function pictures({ failovers }: SeveralResults): ReadonlyMap<string, string> {
  return new Map(failovers.map((record) => [`failover-${record.failover}`, picture(record)]));
}

function picture({ failover, traffic, lostMs, backMs }: FailoverRecord): string {
  const [title, lost, back] = TITLES[failover];
  return timeChart({
    ...{ title, subtitle: 'Mbit/s to the client', xLabel: 'seconds', isStacked: true },
    series: SERIES.map(({ name, label, colour }) => ({
      ...{ label, colour },
      points: traffic
        .rates(name, 'down', STEP_MS)
        .map((rate, step) => [((step + 0.5) * STEP_MS) / 1_000, Math.max(0, rate)] as const),
    })),
    marks: [
      { x: lostMs / 1_000, label: lost },
      { x: backMs / 1_000, label: back },
    ],
  });
}
