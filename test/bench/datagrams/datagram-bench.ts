import type { Bed } from '../../bed/bed.ts';
import { BED_PLACE } from '../../lab/bed-place.ts';
import { LATE_US } from '../../lab/lateness.ts';
import { circumstances, writeResults } from '../../lab/results.ts';
import { describeCheckouts, type NamedCheckout, withVersions } from '../comparison/checkouts.ts';
import { LOOPBACK_PLACE } from '../loopback/contenders.ts';
import type { BenchOptions } from '../options.ts';
import { minutes } from '../progress.ts';
import { CASES, type DatagramCase } from './cases.ts';
import { judgeDatagrams } from './goals.ts';
import { measurePacketRates, PACKET_RATE_MS, type PacketRateRecord, packetContenders } from './loopback.ts';
import { DOWNLOAD_MS, type DownloadRecord, measureDownload, missingForQuic, WAYS } from './quic.ts';
import { datagramReport } from './report.ts';
import { type DatagramRecord, expectedMs, runCase } from './run-case.ts';
import { DatagramSummary } from './summary.ts';

/** Two relays on loopback. */
const CONTENDERS = 2;

/** Measures calls, video and lookups over emulated links, through the pair and as plain UDP, and what datagrams cost on loopback. */
export class DatagramBench {
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
    const { datagramCases, repetitions, isList, out } = this.#options;
    const isWanted = (id: string) => datagramCases?.includes(id) ?? true;
    const cases = CASES.filter(({ id }) => isWanted(id));
    const isOnLoopback = isWanted('loopback');
    const withQuic = isWanted('quic');
    const loopbackMs = isOnLoopback ? CONTENDERS * PACKET_RATE_MS : 0;
    const quicMs = withQuic ? WAYS.length * DOWNLOAD_MS : 0;
    const casesMs = cases.reduce((sum, one) => sum + expectedMs(one), 0);
    const further = [...(withQuic ? ['quic'] : []), ...(isOnLoopback ? ['loopback'] : [])];
    const what = [`${cases.length} cases of datagrams`, ...further].join(', ');
    say(`${what}: about ${minutes(repetitions * (casesMs + loopbackMs + quicMs))}`);
    if (isList) {
      for (const { id, title, carriers, pairName = 'tributary' } of cases)
        say(`${id} (${title}): ${carriers.map((one) => (one === 'pair' ? pairName : 'single')).join(', ')}`);
      return;
    }
    const where = await circumstances();
    const records = await this.#measureCases(cases, say);
    const downloads = withQuic ? await this.#measureDownloads(say) : [];
    const rates = isOnLoopback ? await this.#measureLoopback(say) : [];
    const summary = new DatagramSummary(records);
    const goals = judgeDatagrams(summary, rates, downloads);
    say(`\n${datagramReport(summary, rates, downloads, goals)}\n`);
    const late = records.filter(({ emulatorLateUs = 0 }) => emulatorLateUs > LATE_US).length;
    if (late > 0) say(`For ${late} of ${records.length} figures the machine was too slow for the links.`);
    const checkouts = await describeCheckouts(this.#checkouts);
    say(`Written: ${await writeResults(out, where, { checkouts, records, downloads, rates, goals }, {})}`);
  }

  /** Ends the current measurement at once; `run` then reports the results so far. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#bed?.close();
  }

  #measureCases(cases: readonly DatagramCase[], say: (line: string) => void): Promise<DatagramRecord[]> {
    return withVersions(BED_PLACE, this.#checkouts.slice(0, 1), async ([version]) => {
      const records: DatagramRecord[] = [];
      for (let repetition = 1; repetition <= this.#options.repetitions; repetition++) {
        for (const one of cases) {
          if (this.#isStopped) return records;
          const startMs = performance.now();
          const found = await runCase(one, repetition, version!.setup, this.#onBed);
          if (this.#isStopped) return records;
          records.push(...found);
          const wrong = found.filter(({ error }) => error !== undefined).length;
          const what = `${one.id} ${one.pairName ?? one.carriers.join('+')} #${repetition}`;
          say(`${what}: ${minutes(performance.now() - startMs)}${wrong > 0 ? `, ${wrong} WENT WRONG` : ''}`);
        }
      }
      return records;
    });
  }

  #measureDownloads(say: (line: string) => void): Promise<DownloadRecord[]> {
    return withVersions(BED_PLACE, this.#checkouts.slice(0, 1), async ([version]) => {
      const downloads: DownloadRecord[] = [];
      const missing = missingForQuic();
      if (missing) say(`without quic: ${missing}`);
      for (let repetition = 1; !missing && repetition <= this.#options.repetitions; repetition++)
        for (const way of WAYS) {
          if (this.#isStopped) return downloads;
          const found = await measureDownload(way, repetition, version!.setup, this.#onBed);
          if (!this.#isStopped) downloads.push(found);
          say(`quic ${way.contestant} ${way.protocol} #${repetition}`);
        }
      return downloads;
    });
  }

  #measureLoopback(say: (line: string) => void): Promise<PacketRateRecord[]> {
    return withVersions(LOOPBACK_PLACE, this.#checkouts.slice(0, 1), async ([version]) => {
      const rates: PacketRateRecord[] = [];
      const contenders = packetContenders(version!).filter((one) => {
        const missing = one.missing();
        if (missing) say(`without ${one.name}: ${missing}`);
        return !missing;
      });
      for (let repetition = 1; repetition <= this.#options.repetitions; repetition++)
        for (const contender of contenders) {
          if (this.#isStopped) return rates;
          const found = await measurePacketRates(contender, repetition, this.#onBed);
          if (!this.#isStopped) rates.push(...found);
          say(`loopback ${contender.name} #${repetition}`);
        }
      return rates;
    });
  }

  readonly #onBed = (bed: Pick<Bed, 'close'>): void => {
    this.#bed = bed;
    if (this.#isStopped) void bed.close();
  };
}
