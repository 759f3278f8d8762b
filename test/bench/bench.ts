import { type Bed, createBed } from '../bed/bed.ts';
import { checkLinkBriefly, isOff, LINK_CHECK_MS, type LinkFigure } from '../bed/link-check.ts';
import { LATE_US } from '../lab/lateness.ts';
import { type Circumstances, circumstances, writeResults } from '../lab/results.ts';
import { describeCheckouts, type NamedCheckout } from './comparison/checkouts.ts';
import { compare } from './comparison/compare.ts';
import { comparisonPictures } from './comparison/comparison-pictures.ts';
import { comparisonText } from './comparison/comparison-text.ts';
import type { ContestantKind } from './contestants/contestant.ts';
import { isWanted } from './contestants/names.ts';
import { judge } from './goals.ts';
import type { BenchOptions } from './options.ts';
import { pictures } from './pictures.ts';
import { expectedMs, type Group, plan } from './plan.ts';
import { minutes, Progress } from './progress.ts';
import { reportText } from './report.ts';
import { type RunRecord, runGroup } from './run-group.ts';
import { NETWORKS, type Scenario } from './scenarios.ts';
import { Summary } from './summary.ts';

/** A measuring run that can be stopped. */
export class Bench {
  readonly #options: BenchOptions;
  readonly #kinds: readonly ContestantKind[];
  readonly #checkouts: readonly NamedCheckout[];
  #bed: Bed | undefined;
  #isStopped = false;

  /** `checkouts` are those of the kinds, for the report. */
  constructor(options: BenchOptions, kinds: readonly ContestantKind[], checkouts: readonly NamedCheckout[]) {
    this.#options = options;
    this.#kinds = kinds;
    this.#checkouts = checkouts;
  }

  /** Measures everything that was asked for, then prints and writes the results. `say` prints a line. */
  async run(say: (line: string) => void): Promise<void> {
    const groups = this.#plan(say);
    const networks = this.#options.isLinkCheck ? networksOf(groups) : [];
    const links = networks.reduce((sum, { uplinks }) => sum + uplinks.length, 0);
    const totalMs = groups.reduce((sum, group) => sum + expectedMs(group), links * LINK_CHECK_MS);
    say(`${groups.length} beds, about ${minutes(totalMs)}`);
    if (this.#options.isList) {
      for (const { scenario, hosts, contestant, workloads, repetition } of groups) {
        const names = workloads.map(({ name }) => name).join(', ');
        say(`${scenario.id} (${scenario.title}) ${hosts} ${contestant.name} #${repetition}: ${names}`);
      }
      return;
    }
    const where = await circumstances();
    if (where.loadAtStart > where.cores / 2)
      say(`load is ${where.loadAtStart.toFixed(1)} already: figures will suffer from what else runs here`);
    const checked = await this.#checkLinks(networks, say);
    const records: RunRecord[] = [];
    const progress = new Progress(groups);
    for (const group of groups) {
      if (this.#isStopped) break;
      const found = await this.#measure(group);
      if (this.#isStopped) break;
      records.push(...found);
      say(progress.line(group, found));
    }
    await this.#report(records, checked, where, say);
  }

  /** Ends the current measurement at once; `run` then reports the results so far. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#bed?.close();
  }

  #plan(say: (line: string) => void): Group[] {
    const { portions, repetitions } = this.#options;
    const kinds = this.#kinds.filter((kind) => {
      const isAsked = portions.some(({ contestants }) => isWanted(kind.name, contestants));
      const missing = isAsked ? kind.missing() : undefined;
      if (missing) say(`without ${kind.name} (${kind.title}): ${missing}`);
      return !missing;
    });
    return plan(portions, repetitions, kinds);
  }

  /** Measures every emulated link before anything is measured over it. */
  async #checkLinks(
    networks: readonly Scenario[],
    say: (line: string) => void,
  ): Promise<Record<string, LinkFigure[]>> {
    const found: Record<string, LinkFigure[]> = {};
    for (const { id, uplinks } of networks) {
      if (this.#isStopped) break;
      try {
        const bed = await createBed({ uplinks, congestionControl: 'cubic' });
        this.#onBed(bed);
        try {
          for (const uplink of bed.uplinks) {
            const figures = await checkLinkBriefly(bed, uplink);
            found[`${id}/${uplink.name}`] = figures;
            say(`link ${id}/${uplink.name}: ${figures.map(figureText).join(', ')}`);
          }
        } finally {
          await bed.close();
        }
      } catch (error) {
        if (!this.#isStopped) throw error;
      }
    }
    const off = Object.entries(found).filter(([, figures]) => figures.some(isOff));
    if (off.length > 0)
      say(
        `NOT AS ASKED: ${off.map(([name]) => name).join(', ')}; what is measured over them is worth little`,
      );
    return found;
  }

  /** Prints and writes the results. */
  async #report(
    records: readonly RunRecord[],
    links: Readonly<Record<string, LinkFigure[]>>,
    where: Circumstances,
    say: (line: string) => void,
  ): Promise<void> {
    const summary = new Summary(records);
    const comparison = compare(summary);
    const checkouts = await describeCheckouts(this.#checkouts);
    const compared = comparisonText(comparison, checkouts);
    say(`\n${[reportText(summary), compared].filter(Boolean).join('\n\n')}\n`);
    const late = records.filter(({ emulatorLateUs }) => emulatorLateUs > LATE_US).length;
    if (late > 0)
      say(`In ${late} of ${records.length} runs the machine was too slow for the links: see emulatorLateUs.`);
    const content = { checkouts, links, records, goals: judge(summary), comparison };
    const texts = new Map(compared ? [['comparison', compared]] : []);
    const drawn = new Map([...pictures(summary), ...comparisonPictures(comparison)]);
    const file = await writeResults(this.#options.out, where, content, { texts, pictures: drawn });
    say(`Written: ${file} and pictures beside it`);
  }

  async #measure(group: Group): Promise<RunRecord[]> {
    try {
      return await runGroup(group, this.#onBed);
    } catch (error) {
      const { scenario, hosts, contestant, repetition, workloads } = group;
      return workloads.map(({ name }) => ({
        ...{ scenario: scenario.id, hosts, contestant: contestant.name, repetition, workload: name },
        ...(contestant.uplink ? { uplink: contestant.uplink } : {}),
        ...{ figures: { failures: 1 }, emulatorLateUs: 0, error: (error as Error).message },
      }));
    }
  }

  readonly #onBed = (bed: Bed): void => {
    this.#bed = bed;
    if (this.#isStopped) void bed.close();
  };
}

/** The networks of the groups, each set of links once: a fault has the links of its network. */
function networksOf(groups: readonly Group[]): Scenario[] {
  const byLinks = new Map(groups.map(({ scenario }) => [scenario.uplinks, scenario]));
  return NETWORKS.filter(({ uplinks }) => byLinks.has(uplinks));
}

function figureText({ what, asked, measured, ...figure }: LinkFigure): string {
  const verdict = isOff({ what, asked, measured, ...figure }) ? ' OFF' : '';
  return `${what} ${measured.toFixed(2)} (${asked.toFixed(2)})${verdict}`;
}
