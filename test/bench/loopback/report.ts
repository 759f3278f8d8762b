import { grid } from '../../lab/grid.ts';
import { median } from '../../lab/statistics.ts';
import { type ComparedFigure, comparedFigure } from '../comparison/compared-figure.ts';
import { versionPairs } from '../comparison/versions.ts';
import type { LoopbackFigures } from './measure.ts';

/** One contender in one repetition, as the JSON has it. */
export interface LoopbackRecord {
  readonly contender: string;
  readonly repetition: number;
  readonly figures: LoopbackFigures;
  /** Why there are no figures. */
  readonly error?: string;
}

type Figure = keyof LoopbackFigures;

/** A goal, and whether it is met. Without a value it was not measured. */
export interface LoopbackJudgement {
  readonly goal: string;
  readonly value?: number;
  readonly isMet?: boolean;
}

interface Column {
  readonly head: string;
  readonly figure: Figure;
  readonly scale: number;
  readonly digits: number;
  readonly isMoreBetter: boolean;
}

const COLUMNS: readonly Column[] = [
  { head: 'MB/s', figure: 'megabytesPerSecond', scale: 1, digits: 0, isMoreBetter: true },
  { head: 'CPU s/GB', figure: 'cpuSecondsPerGb', scale: 1, digits: 2, isMoreBetter: false },
  { head: 'CONNECT/SOCKS5', figure: 'connectToSocks', scale: 1, digits: 3, isMoreBetter: true },
  { head: 'opens/s', figure: 'opensPerSecond', scale: 1, digits: 0, isMoreBetter: true },
  { head: 'open p50 ms', figure: 'openP50Ms', scale: 1, digits: 2, isMoreBetter: false },
  { head: 'open p99 ms', figure: 'openP99Ms', scale: 1, digits: 2, isMoreBetter: false },
  { head: 'idle open ms', figure: 'idleOpenMs', scale: 1, digits: 2, isMoreBetter: false },
  { head: 'page ms', figure: 'pageMs', scale: 1, digits: 1, isMoreBetter: false },
  { head: 'peak MB', figure: 'peakRssBytes', scale: 1e-6, digits: 0, isMoreBetter: false },
];

/** How one contender is held against another: a ratio of medians. */
const GOALS: readonly [figure: Figure, one: string, other: string, bound: number, isMore: boolean][] = [
  ['megabytesPerSecond', 'tributary-1', 'node-pipe', 1.25, true],
  ['megabytesPerSecond', 'tributary-4', 'node-pipe', 1.05, true],
  ['megabytesPerSecond', 'tributary-1', 'shadowsocks', 1.7, true],
  ['cpuSecondsPerGb', 'tributary-1', 'shadowsocks', 0.75, false],
  ['opensPerSecond', 'tributary-1', 'shadowsocks', 1, true],
];

/** What a figure of one contender has to be at least. */
const LEAST: readonly [figure: Figure, contender: string, bound: number][] = [
  ['connectToSocks', 'tributary-1', 0.97],
];

/** The figures of one round, in a line. */
export function brief(figures: LoopbackFigures): string {
  return COLUMNS.flatMap(({ head, figure, scale, digits }) => {
    const value = figures[figure];
    return value === undefined ? [] : [`${(value * scale).toFixed(digits)} ${head}`];
  }).join(', ');
}

/** Medians of each contender. */
export function table(records: readonly LoopbackRecord[]): string {
  const rows = contendersOf(records).map((name) => [
    name,
    ...COLUMNS.map(({ figure, scale, digits }) => {
      const value = medianOf(records, name, figure);
      return value === undefined ? '-' : (value * scale).toFixed(digits);
    }),
  ]);
  return grid([['', ...COLUMNS.map(({ head }) => head)], ...rows]);
}

/** Every goal, with what was measured of it. */
export function judgeLoopback(records: readonly LoopbackRecord[]): LoopbackJudgement[] {
  const compared = GOALS.map(([figure, one, other, bound, isMore]): LoopbackJudgement => {
    const [ours, theirs] = [medianOf(records, one, figure), medianOf(records, other, figure)];
    const value = ours === undefined || theirs === undefined ? undefined : ours / theirs;
    const goal = `${figure} of ${one} over ${other}: ${bound} or ${isMore ? 'more' : 'less'}`;
    if (value === undefined) return { goal };
    return { goal, value, isMet: isMore ? value >= bound : value <= bound };
  });
  const alone = LEAST.map(([figure, contender, bound]): LoopbackJudgement => {
    const value = medianOf(records, contender, figure);
    const goal = `${figure} of ${contender}: ${bound} or more`;
    return value === undefined ? { goal } : { goal, value, isMet: value >= bound };
  });
  return [...compared, ...alone];
}

/** A line for each goal. */
export function goalsText(judged: readonly LoopbackJudgement[]): string {
  return grid(
    judged.map(({ goal, value, isMet }) => {
      if (value === undefined) return ['not measured', goal, '-'];
      return [isMet ? 'met' : 'MISSED', goal, value.toFixed(3)];
    }),
  );
}

/** Every figure of every two versions. */
export function compareLoopback(records: readonly LoopbackRecord[]): ComparedFigure[] {
  return versionPairs(contendersOf(records)).flatMap((pair) =>
    COLUMNS.flatMap(({ head, figure, scale, isMoreBetter }) =>
      comparedFigure(
        pair,
        { where: 'loopback', figure: head, isMoreBetter },
        (contender) =>
          new Map(
            records.flatMap(({ contender: name, repetition, figures }) => {
              const value = figures[figure];
              return name === contender && value !== undefined ? [[repetition, value * scale]] : [];
            }),
          ),
      ),
    ),
  );
}

function contendersOf(records: readonly LoopbackRecord[]): string[] {
  return [...new Set(records.map(({ contender }) => contender))];
}

function medianOf(records: readonly LoopbackRecord[], contender: string, figure: Figure): number | undefined {
  const values = records.flatMap((record) =>
    record.contender === contender ? (record.figures[figure] ?? []) : [],
  );
  return values.length > 0 ? median(values) : undefined;
}
