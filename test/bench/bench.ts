import type { Bed } from '../bed/bed.ts';
import type { ContestantKind } from './contestants/contestant.ts';
import { judge } from './goals.ts';
import type { BenchOptions } from './options.ts';
import { pictures } from './pictures.ts';
import { expectedMs, type Group, plan } from './plan.ts';
import { minutes, Progress } from './progress.ts';
import { reportText } from './report.ts';
import { circumstances, writeResults } from './results.ts';
import { type RunRecord, runGroup } from './run-group.ts';
import { Summary } from './summary.ts';

/** Later than this a packet came late because of the machine, not because of the link. */
const LATE_US = 500;

/** A measuring run that can be stopped. */
export class Bench {
  readonly #options: BenchOptions;
  readonly #kinds: readonly ContestantKind[];
  #bed: Bed | undefined;
  #isStopped = false;

  constructor(options: BenchOptions, kinds: readonly ContestantKind[]) {
    this.#options = options;
    this.#kinds = kinds;
  }

  /** Measures all that was asked for, and says and writes what came of it. `say` prints a line. */
  async run(say: (line: string) => void): Promise<void> {
    const groups = this.#plan(say);
    const totalMs = groups.reduce((sum, group) => sum + expectedMs(group, this.#options.seconds), 0);
    say(`${groups.length} beds, about ${minutes(totalMs)}`);
    if (this.#options.isList) {
      for (const { scenario, hosts, contestant, workloads, repetition } of groups) {
        const names = workloads.map(({ name }) => name).join(', ');
        say(`${scenario.id} (${scenario.title}) ${hosts} ${contestant.name} #${repetition}: ${names}`);
      }
      return;
    }
    const where = circumstances();
    if (where.loadAtStart > where.cores / 2)
      say(`load is ${where.loadAtStart.toFixed(1)} already: figures will suffer from what else runs here`);
    const records: RunRecord[] = [];
    const progress = new Progress(groups, this.#options.seconds);
    for (const group of groups) {
      const found = await this.#measure(group);
      if (this.#isStopped) break;
      records.push(...found);
      say(progress.line(group, found));
    }
    const summary = new Summary(records);
    say(`\n${reportText(summary)}\n`);
    const late = records.filter(({ emulatorLateUs }) => emulatorLateUs > LATE_US).length;
    if (late > 0)
      say(`In ${late} of ${records.length} runs the machine was too slow for the links: see emulatorLateUs.`);
    const content = { records, goals: judge(summary) };
    say(
      `Written: ${await writeResults(this.#options.out, where, content, pictures(summary))} and pictures beside it`,
    );
  }

  /** Ends what is under way at once; `run` then reports what there is. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#bed?.close();
  }

  #plan(say: (line: string) => void): Group[] {
    const { contestants, scenarios, workloads } = this.#options;
    const kinds = this.#kinds.filter((kind) => {
      const isWanted =
        contestants?.some((name) => name === kind.name || name.startsWith(`${kind.name}:`)) ?? true;
      const missing = isWanted ? kind.missing() : undefined;
      if (missing) say(`without ${kind.name} (${kind.title}): ${missing}`);
      return isWanted && !missing;
    });
    const groups = plan(this.#options, scenarios, workloads, kinds);
    const isNamed = ({ contestant: { name } }: Group) =>
      contestants?.some((wanted) => wanted === name || name.startsWith(`${wanted}:`)) ?? true;
    return groups.filter(isNamed);
  }

  async #measure(group: Group): Promise<RunRecord[]> {
    try {
      return await runGroup(group, this.#options.seconds, (bed) => {
        this.#bed = bed;
        if (this.#isStopped) void bed.close();
      });
    } catch (error) {
      const { scenario, hosts, contestant, repetition, workloads } = group;
      return workloads.map(({ name }) => ({
        ...{ scenario: scenario.id, hosts, contestant: contestant.name, repetition, workload: name },
        ...{ figures: { failures: 1 }, emulatorLateUs: 0, error: (error as Error).message },
      }));
    }
  }
}
