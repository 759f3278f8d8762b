import { grid } from '../../lab/grid.ts';
import { circumstances, writeResults } from '../../lab/results.ts';
import { median } from '../../lab/statistics.ts';
import { TributarySetup } from '../../lab/tributary-setup.ts';
import type { BenchOptions } from '../options.ts';
import { minutes } from '../progress.ts';
import { type Contender, LOOPBACK_PLACE, nodeRelays, shadowsocks, tributaryContender } from './contenders.ts';
import { type LoopbackFigures, measureContender, measureSlowReader, slowReaderMs } from './measure.ts';

interface LoopbackRecord {
  readonly contender: string;
  readonly repetition: number;
  readonly figures: LoopbackFigures;
  readonly error?: string;
}

type Figure = keyof LoopbackFigures;

/** Without a value it was not measured. */
interface Judgement {
  readonly goal: string;
  readonly value?: number;
  readonly isMet?: boolean;
}

const PULLED_BYTES = 2_000_000_000;
/** A contender in one round, as measured on two cores. */
const EXPECTED_MS = 19_000;
/** What a slow reader takes, in bytes. */
const SLOW_READER = { whole: 1_000_000_000, quick: 200_000_000 };

const COLUMNS: readonly [head: string, figure: Figure, scale: number, digits: number][] = [
  ['MB/s', 'megabytesPerSecond', 1, 0],
  ['CPU s/GB', 'cpuSecondsPerGb', 1, 2],
  ['opens/s', 'opensPerSecond', 1, 0],
  ['open p50 ms', 'openP50Ms', 1, 2],
  ['open p99 ms', 'openP99Ms', 1, 2],
  ['peak MB', 'peakRssBytes', 1e-6, 0],
];

/** How one contender is held against another: a ratio of medians. */
const GOALS: readonly [figure: Figure, one: string, other: string, bound: number, isMore: boolean][] = [
  ['megabytesPerSecond', 'tributary-1', 'node-pipe', 1.25, true],
  ['megabytesPerSecond', 'tributary-4', 'node-pipe', 1.05, true],
  ['megabytesPerSecond', 'tributary-1', 'shadowsocks', 1.7, true],
  ['cpuSecondsPerGb', 'tributary-1', 'shadowsocks', 0.75, false],
  ['opensPerSecond', 'tributary-1', 'shadowsocks', 1, true],
];

/** Compares relays on loopback, where nothing but their own work bounds them. */
export class LoopbackBench {
  readonly #options: BenchOptions;
  readonly #bedSetup: TributarySetup;
  #bed: { close(): Promise<void> } | undefined;
  #isStopped = false;

  /** `bedSetup` is for the part that is measured in a bed. */
  constructor(options: BenchOptions, bedSetup: TributarySetup) {
    this.#options = options;
    this.#bedSetup = bedSetup;
  }

  /** Measures, says and writes what came of it. */
  async run(say: (line: string) => void): Promise<void> {
    const setup = await TributarySetup.create(LOOPBACK_PLACE);
    try {
      const contenders = [
        tributaryContender(setup, 1),
        tributaryContender(setup, 4),
        nodeRelays,
        shadowsocks,
      ];
      await this.#run(
        contenders.filter((one) => isThere(one, say)),
        say,
      );
    } finally {
      await setup.remove();
    }
  }

  /** Ends what is under way at once; `run` then reports what there is. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#bed?.close();
  }

  async #run(contenders: readonly Contender[], say: (line: string) => void): Promise<void> {
    const { repetitions, isQuick, isList, out } = this.#options;
    const slowBytes = isQuick ? SLOW_READER.quick : SLOW_READER.whole;
    const slowMs = slowReaderMs(slowBytes);
    const totalMs = contenders.length * repetitions * EXPECTED_MS + slowMs;
    say(`loopback: ${contenders.map(({ name }) => name).join(', ')}, slow reader: about ${minutes(totalMs)}`);
    if (isList) return;
    const where = await circumstances();
    const records: LoopbackRecord[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const contender of contenders) {
        if (this.#isStopped) break;
        const record = await this.#measure(contender, repetition);
        if (this.#isStopped) break;
        records.push(record);
        say(`${contender.name} #${repetition}: ${record.error ?? brief(record.figures)}`);
      }
    }
    let slowReaderPeakBytes: number | undefined;
    if (!this.#isStopped) {
      say(`${slowBytes / 1e6} MB to a slow reader, about ${minutes(slowMs)}`);
      try {
        slowReaderPeakBytes = await measureSlowReader(this.#bedSetup, slowBytes, this.#onBed);
        say(`peak memory with a slow reader: ${(slowReaderPeakBytes / 1e6).toFixed(0)} MB`);
      } catch (error) {
        say(`slow reader: ${(error as Error).message}`);
      }
    }
    const judged = goals(records);
    say(`\n${table(records)}\n\n${goalsText(judged)}\n`);
    const content = {
      loopback: records,
      slowReader: { bytes: slowBytes, slowReaderPeakBytes },
      goals: judged,
    };
    say(`Written: ${await writeResults(out, where, content, new Map())}`);
  }

  async #measure(contender: Contender, repetition: number): Promise<LoopbackRecord> {
    try {
      const figures = await measureContender(contender, PULLED_BYTES, this.#onBed);
      return { contender: contender.name, repetition, figures };
    } catch (error) {
      return { contender: contender.name, repetition, figures: {}, error: (error as Error).message };
    }
  }

  readonly #onBed = (bed: { close(): Promise<void> }): void => {
    this.#bed = bed;
    if (this.#isStopped) void bed.close();
  };
}

function isThere(contender: Contender, say: (line: string) => void): boolean {
  const missing = contender.missing();
  if (missing) say(`without ${contender.name}: ${missing}`);
  return !missing;
}

function brief(figures: LoopbackFigures): string {
  return COLUMNS.flatMap(([head, figure, scale, digits]) => {
    const value = figures[figure];
    return value === undefined ? [] : [`${(value * scale).toFixed(digits)} ${head}`];
  }).join(', ');
}

function table(records: readonly LoopbackRecord[]): string {
  const names = [...new Set(records.map(({ contender }) => contender))];
  const rows = names.map((name) => [
    name,
    ...COLUMNS.map(([, figure, scale, digits]) => {
      const value = medianOf(records, name, figure);
      return value === undefined ? '-' : (value * scale).toFixed(digits);
    }),
  ]);
  return grid([['', ...COLUMNS.map(([head]) => head)], ...rows]);
}

function goals(records: readonly LoopbackRecord[]): Judgement[] {
  return GOALS.map(([figure, one, other, bound, isMore]) => {
    const [ours, theirs] = [medianOf(records, one, figure), medianOf(records, other, figure)];
    const value = ours === undefined || theirs === undefined ? undefined : ours / theirs;
    const goal = `${figure} of ${one} over ${other}: ${bound} or ${isMore ? 'more' : 'less'}`;
    if (value === undefined) return { goal };
    return { goal, value, isMet: isMore ? value >= bound : value <= bound };
  });
}

function goalsText(judged: readonly Judgement[]): string {
  return grid(
    judged.map(({ goal, value, isMet }) => {
      if (value === undefined) return ['not measured', goal, '-'];
      return [isMet ? 'met' : 'MISSED', goal, value.toFixed(2)];
    }),
  );
}

function medianOf(records: readonly LoopbackRecord[], contender: string, figure: Figure): number | undefined {
  const values = records.flatMap((record) =>
    record.contender === contender ? (record.figures[figure] ?? []) : [],
  );
  return values.length > 0 ? median(values) : undefined;
}
