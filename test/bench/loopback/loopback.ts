import { BED_PLACE } from '../../lab/bed-place.ts';
import { circumstances, writeResults } from '../../lab/results.ts';
import {
  describeCheckouts,
  type NamedCheckout,
  type Version,
  withVersions,
} from '../comparison/checkouts.ts';
import { comparisonPictures } from '../comparison/comparison-pictures.ts';
import { comparisonText } from '../comparison/comparison-text.ts';
import type { BenchOptions } from '../options.ts';
import { inTurn } from '../plan.ts';
import { minutes } from '../progress.ts';
import { type Contender, LOOPBACK_PLACE, nodeRelays, shadowsocks, tributaryContender } from './contenders.ts';
import { measureContender, measureSlowReader, slowReaderMs } from './measure.ts';
import { brief, compareLoopback, goalsText, judgeLoopback, type LoopbackRecord, table } from './report.ts';

const PULLED_BYTES = 2_000_000_000;
/** A contender in one round, as measured on two cores. */
const EXPECTED_MS = 30_000;
const UPLINK_COUNTS = [1, 4];
/** Bytes for a slow reader. */
const SLOW_READER = { whole: 1_000_000_000, quick: 200_000_000 };

/** Compares relays on loopback, where only their own work limits them. */
export class LoopbackBench {
  readonly #options: BenchOptions;
  readonly #checkouts: readonly NamedCheckout[];
  #bed: { close(): Promise<void> } | undefined;
  #isStopped = false;

  constructor(options: BenchOptions, checkouts: readonly NamedCheckout[]) {
    this.#options = options;
    this.#checkouts = checkouts;
  }

  /** Measures, then prints and writes the results. `say` prints a line. */
  async run(say: (line: string) => void): Promise<void> {
    await withVersions(LOOPBACK_PLACE, this.#checkouts, (versions) =>
      this.#run(this.#contenders(versions, say), say),
    );
  }

  /** Ends the current measurement at once; `run` then reports the results so far. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#bed?.close();
  }

  #contenders(versions: readonly Version[], say: (line: string) => void): Contender[] {
    const { contestants: wanted } = this.#options;
    const all = [
      ...UPLINK_COUNTS.flatMap((count) => versions.map((version) => tributaryContender(version, count))),
      nodeRelays,
      shadowsocks,
    ];
    return all
      .filter(({ name, aliases }) => wanted?.some((one) => one === name || aliases.includes(one)) ?? true)
      .filter((one) => isThere(one, say));
  }

  async #run(contenders: readonly Contender[], say: (line: string) => void): Promise<void> {
    const { repetitions, isQuick, isList, out, contestants } = this.#options;
    // It measures this checkout only: there is nothing to compare.
    const slowBytes = contestants ? 0 : isQuick ? SLOW_READER.quick : SLOW_READER.whole;
    const slowMs = slowBytes && slowReaderMs(slowBytes);
    const names = [...contenders.map(({ name }) => name), ...(slowBytes ? ['slow reader'] : [])];
    const totalMs = contenders.length * repetitions * EXPECTED_MS + slowMs;
    say(`loopback: ${names.join(', ')}: about ${minutes(totalMs)}`);
    if (isList) return;
    const where = await circumstances();
    const records = await this.#measureAll(contenders, repetitions, say);
    const slowReaderPeakBytes = slowBytes ? await this.#measureSlowReader(slowBytes, say) : undefined;
    const goals = contestants ? [] : judgeLoopback(records);
    const comparison = compareLoopback(records);
    const checkouts = await describeCheckouts(this.#checkouts);
    const text = comparisonText(comparison, checkouts);
    say(`\n${[table(records), goalsText(goals), text].filter(Boolean).join('\n\n')}\n`);
    const content = {
      checkouts,
      loopback: records,
      ...(slowBytes ? { slowReader: { bytes: slowBytes, slowReaderPeakBytes } } : {}),
      goals,
      comparison,
    };
    const texts = new Map(text ? [['comparison', text]] : []);
    say(
      `Written: ${await writeResults(out, where, content, { texts, pictures: comparisonPictures(comparison) })}`,
    );
  }

  async #measureAll(
    contenders: readonly Contender[],
    repetitions: number,
    say: (line: string) => void,
  ): Promise<LoopbackRecord[]> {
    const records: LoopbackRecord[] = [];
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const contender of inTurn(contenders, repetition)) {
        if (this.#isStopped) break;
        const record = await this.#measure(contender, repetition);
        if (this.#isStopped) break;
        records.push(record);
        say(`${contender.name} #${repetition}: ${record.error ?? brief(record.figures)}`);
      }
    }
    return records;
  }

  async #measure(contender: Contender, repetition: number): Promise<LoopbackRecord> {
    try {
      const figures = await measureContender(contender, PULLED_BYTES, this.#onBed);
      return { contender: contender.name, repetition, figures };
    } catch (error) {
      return { contender: contender.name, repetition, figures: {}, error: (error as Error).message };
    }
  }

  async #measureSlowReader(bytes: number, say: (line: string) => void): Promise<number | undefined> {
    if (this.#isStopped) return undefined;
    say(`${bytes / 1e6} MB to a slow reader, about ${minutes(slowReaderMs(bytes))}`);
    try {
      const peakBytes = await withVersions(BED_PLACE, this.#checkouts.slice(0, 1), ([version]) =>
        measureSlowReader(version!, bytes, this.#onBed),
      );
      say(`peak memory with a slow reader: ${(peakBytes / 1e6).toFixed(0)} MB`);
      return peakBytes;
    } catch (error) {
      say(`slow reader: ${(error as Error).message}`);
      return undefined;
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
