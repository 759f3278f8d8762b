import { BUCKET_MS } from '../lab/agent/arrivals.ts';
import { barChart } from '../lab/chart/bar-chart.ts';
import { timeChart } from '../lab/chart/time-chart.ts';
import { SCENARIOS } from './all-scenarios.ts';
import type { RunRecord } from './run-group.ts';
import { byId, isFault } from './scenarios.ts';
import { headlineOf, type Place, type Summary } from './summary.ts';
import { WORKLOADS } from './workloads/all.ts';

/** Rates are means over this time. With a shorter one every burst would be a spike. */
const STEP_MS = 100;
/** One bar for all single uplinks. */
const BEST_SINGLE = 'best single uplink';
const COLOURS: Readonly<Record<string, string>> = {
  tributary: '#1f6feb',
  'kernel-mptcp': '#d9822b',
  'c-socks': '#2da44e',
  'tributary-cubic': '#80ccff',
  [BEST_SINGLE]: '#6e7781',
};
const OTHER_COLOURS = ['#6e7781', '#a475f9', '#bf8700', '#57606a'];

/** All pictures by name: goodput over time through each fault, and a summary of goodput for each direction and kind of hosts. */
export function pictures(summary: Summary): Map<string, string> {
  const found = new Map<string, string>();
  const places = summary.places().filter(({ workload }) => headlineOf(workload).figure === 'overSum');
  for (const place of places.filter(({ scenario }) => isFault(scenario))) {
    const picture = faultPicture(summary, place);
    if (picture) found.set(`${place.scenario}-${place.hosts}-${place.workload}`, picture);
  }
  const kinds = new Map<string, Place[]>();
  for (const place of places.filter(({ scenario }) => !isFault(scenario))) {
    const kind = `${place.workload}-${place.hosts}`;
    kinds.set(kind, [...(kinds.get(kind) ?? []), place]);
  }
  for (const [kind, of] of kinds) found.set(`summary-${kind}`, summaryPicture(summary, of));
  return found;
}

/** Ratios of places that differ in their scenario only. */
function summaryPicture(summary: Summary, places: readonly Place[]): string {
  const sorted = [...places].sort((a, b) => byId(a.scenario, b.scenario));
  return barChart({
    title: titleOf(sorted[0]!),
    subtitle: 'goodput over the sum of rates',
    groups: sorted.map((place) => ({ label: place.scenario, bars: bars(summary, place) })),
  });
}

/** Draws one run of each contestant: the median by longest gap. */
function faultPicture(summary: Summary, place: Place): string | undefined {
  const chosen = summary.contestants().flatMap((name) => {
    const runs = summary
      .at(place, name)
      .filter(({ trace }) => trace)
      .sort((a, b) => (a.figures.longestGapMs ?? 0) - (b.figures.longestGapMs ?? 0));
    return runs[runs.length >> 1] ?? [];
  });
  if (chosen.length === 0) return undefined;
  return timeChart({
    title: `${place.scenario}: ${titleOf(place)}`,
    subtitle: 'Mbit/s',
    xLabel: 'seconds since the first byte',
    series: chosen.map((run, index) => ({
      label: run.contestant,
      colour: colourOf(run.contestant, index),
      points: points(run),
    })),
    marks: chosen[0]!.trace?.stepsAtMs.map((ms) => ({ x: ms / 1000 })) ?? [],
  });
}

function titleOf({ scenario, workload, hosts }: Place): string {
  const what = isFault(scenario) ? SCENARIOS.find(({ id }) => id === scenario) : undefined;
  const { title } = WORKLOADS.find(({ name }) => name === workload)!;
  return `${what ? `${what.title}; ` : ''}${title}, ${hosts === 'bbr' ? 'BBR' : 'CUBIC'} hosts`;
}

function bars(summary: Summary, place: Place) {
  const values = summary
    .contestants()
    .filter((name) => !name.startsWith('single:'))
    .map((name) => ({ label: name, value: summary.median(place, name, 'overSum') }));
  values.push({ label: BEST_SINGLE, value: summary.bestSingle(place)?.value });
  return values.flatMap(({ label, value }, index) =>
    value === undefined ? [] : [{ label, colour: colourOf(label, index), value }],
  );
}

function points({ trace }: RunRecord): [number, number][] {
  const perStep = STEP_MS / BUCKET_MS;
  const buckets = trace?.buckets ?? [];
  return Array.from({ length: Math.floor(buckets.length / perStep) }, (_, step) => {
    const part = buckets.slice(step * perStep, (step + 1) * perStep);
    const bytes = part.reduce((sum, count) => sum + count, 0);
    return [(step * STEP_MS) / 1000, (bytes * 8) / (STEP_MS * 1000)];
  });
}

function colourOf(contestant: string, index: number): string {
  return COLOURS[contestant] ?? OTHER_COLOURS[index % OTHER_COLOURS.length]!;
}
