import { grid } from '../lab/grid.ts';
import { median } from '../lab/statistics.ts';
import type { Figures } from './figures.ts';
import type { Judgement } from './goal.ts';
import { GOALS } from './goals.ts';
import { byId, isFault } from './scenarios.ts';
import { headlineOf, type Place, type Summary } from './summary.ts';
import { WORKLOADS } from './workloads/all.ts';

type Column = (place: Place) => string;

/** Tables of medians by workload, then the goals, as text. */
export function reportText(summary: Summary): string {
  return [...tables(summary), inTurn(summary), costs(summary), goalsText(summary), problems(summary)]
    .filter(Boolean)
    .join('\n\n');
}

function tables(summary: Summary): string[] {
  const texts: string[] = [];
  for (const isThroughFault of [false, true]) {
    for (const { name, title } of WORKLOADS) {
      const places = summary
        .places()
        .filter(({ scenario, workload }) => workload === name && isFault(scenario) === isThroughFault);
      if (places.length === 0) continue;
      const isTransfer = isThroughFault && name.startsWith('bulk');
      const columns = isTransfer ? faultColumns(summary) : workloadColumns(summary, places[0]!);
      const rows = places
        .sort((a, b) => byId(a.scenario, b.scenario))
        .map((place) => [`${place.scenario} ${place.hosts}`, ...columns.map(([, column]) => column(place))]);
      texts.push(
        `${title}${isThroughFault ? ' through a fault' : ''}\n${grid([['', ...columns.map(([head]) => head)], ...rows])}`,
      );
    }
  }
  return texts;
}

function workloadColumns(summary: Summary, { workload }: Place): [string, Column][] {
  const { figure } = headlineOf(workload);
  const isRate = figure === 'overSum';
  const label = isRate ? 'over sum' : figure === 'totalMs' ? 'ms' : `${figure.slice(0, 3)} ms`;
  const value =
    (contestant: string, which: keyof Figures): Column =>
    (place) =>
      show(summary.median(place, contestant, which), isRate);
  const columns: [string, Column][] = [];
  const others = summary.contestants().filter((name) => !name.startsWith('single:'));
  for (const name of others) {
    columns.push([`${name} ${label}`, value(name, figure)]);
    if (workload === 'duplex') columns.push(['upload', value(name, 'upOverSum')]);
    else if (isRate) columns.push(['steady', value(name, 'steadyOverSum')]);
    if (figure === 'p50Ms') columns.push(['p95 ms', value(name, 'p95Ms')]);
  }
  if (others.length < summary.contestants().length) {
    columns.push([
      `best single ${label}`,
      (place) => {
        const best = summary.bestSingle(place);
        return best ? `${show(best.value, isRate)} (${best.contestant.split(':')[1]})` : '-';
      },
    ]);
    columns.push([
      'tributary/best',
      (place) => {
        const ours = summary.median(place, 'tributary', figure);
        const best = summary.bestSingle(place)?.value;
        return show(ours && best && ours / best, true);
      },
    ]);
  }
  if (others.includes('tributary') && others.includes('kernel-mptcp'))
    columns.push([
      'tributary/kernel',
      (place) => {
        const ours = summary.median(place, 'tributary', figure);
        const kernel = summary.median(place, 'kernel-mptcp', figure);
        return show(ours && kernel && ours / kernel, true);
      },
    ]);
  return columns;
}

function faultColumns(summary: Summary): [string, Column][] {
  return summary
    .contestants()
    .filter((name) => !name.startsWith('single:'))
    .flatMap((name): [string, Column][] => [
      [`${name} gap ms`, (place) => show(summary.median(place, name, 'longestGapMs'), false)],
      ['rate/left', (place) => show(summary.median(place, name, 'afterFault'), true)],
      ['back ms', (place) => show(summary.median(place, name, 'backMs'), false)],
      ['failed', (place) => failed(summary, place, name)],
    ]);
}

/** Transfers through several faults: the rate over what each of them left, median over the runs. */
function inTurn(summary: Summary): string {
  const blocks = summary.places().flatMap((place) =>
    summary.contestants().flatMap((name) => {
      const runs = summary.at(place, name).flatMap(({ judged }) => (judged ? [judged] : []));
      const rows = (runs[0] ?? []).map(([what], index) => [
        what,
        show(median(runs.map((run) => run[index]![1])), true),
      ]);
      const title = `${place.scenario} ${place.hosts} ${place.workload}, ${name}: rate/left`;
      return rows.length > 0 ? [`${title}\n${grid(rows)}`] : [];
    }),
  );
  return blocks.join('\n\n');
}

function failed(summary: Summary, place: Place, contestant: string): string {
  const runs = summary.at(place, contestant);
  return runs.length === 0
    ? '-'
    : `${runs.filter(({ figures }) => figures.failures > 0).length}/${runs.length}`;
}

/** What bulk transfers without faults take: bytes sent again, memory for reordering, processor time of both programs. */
function costs(summary: Summary): string {
  const percent = (value: number | undefined) => show(value && 100 * value, true);
  const rows = summary
    .places()
    .filter(({ scenario, workload }) => !isFault(scenario) && workload.startsWith('bulk'))
    .map((place) => {
      const ours = (figure: keyof Figures) => summary.median(place, 'tributary', figure);
      const reorderBytes = ours('peakReorderBytes');
      return [
        `${place.scenario} ${place.hosts} ${place.workload}`,
        percent(ours('copyShare')),
        percent(ours('lostShare')),
        show(reorderBytes && reorderBytes / 1000, false),
        show(ours('cpuSecondsPerGb'), false),
        show(summary.median(place, 'kernel-mptcp', 'cpuSecondsPerGb'), false),
      ];
    });
  if (rows.length === 0) return '';
  const heads = [
    '',
    'copied %',
    'lost, sent again %',
    'reorder peak kB',
    'CPU s/GB',
    'kernel-mptcp CPU s/GB',
  ];
  return `Costs of tributary\n${grid([heads, ...rows])}`;
}

/** One line for each goal with its worst place, then every place where one is missed. */
function goalsText(summary: Summary): string {
  if (summary.records.length === 0) return '';
  const judged = GOALS.map((goal) => ({ goal, found: goal.judge(summary) }));
  const rows = judged.map(({ goal: { name, isMore }, found }) => {
    const worst = found.reduce<Judgement | undefined>(
      (last, next) => (last && margin(last, isMore) <= margin(next, isMore) ? last : next),
      undefined,
    );
    if (!worst) return ['not measured', name, '-', '-', ''];
    const met = found.filter(({ isMet }) => isMet).length;
    return [worst.isMet ? 'met' : 'MISSED', name, `${met}/${found.length}`, exact(worst.value), worst.where];
  });
  const missed = judged.flatMap(({ found }) => found.filter(({ isMet }) => !isMet));
  const places = missed.map(({ goal, where, value, bound }) => [goal, where, exact(value), exact(bound)]);
  return [
    `Goals\n${grid([['', 'goal', 'places', 'worst', 'where'], ...rows])}`,
    missed.length > 0 ? `Missed\n${grid([['goal', 'where', 'value', 'bound'], ...places])}` : '',
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** How far a goal is met: a smaller value is worse, a negative one means missed. */
function margin({ value, bound }: Judgement, isMore: boolean): number {
  const difference = isMore ? value - bound : bound - value;
  return bound === 0 ? difference : difference / bound;
}

function problems({ records }: Summary): string {
  const wrong = records.filter(({ error }) => error !== undefined);
  const lines = wrong.map(
    (run) =>
      `${run.scenario} ${run.hosts} ${run.contestant} ${run.workload} #${run.repetition}: ${run.error}`,
  );
  return lines.length > 0 ? `Went wrong:\n${lines.join('\n')}` : '';
}

function show(value: number | undefined, isRatio: boolean): string {
  if (value === undefined || Number.isNaN(value)) return '-';
  return isRatio ? value.toFixed(2) : value.toFixed(0);
}

function exact(value: number): string {
  return Math.abs(value) >= 10 ? value.toFixed(0) : value.toFixed(3);
}
