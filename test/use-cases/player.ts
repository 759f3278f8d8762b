import type { Bed } from '../bed/bed.ts';
import { BED_PLACE } from '../lab/bed-place.ts';
import { TributarySetup } from '../lab/tributary-setup.ts';
import { reportText } from './report.ts';
import { type Outcome, runUseCase } from './run-use-case.ts';
import type { UseCase } from './use-case.ts';

/** Plays use cases, and keeps what comes of them. */
export class Player {
  readonly #programme: readonly UseCase[];
  readonly #outcomes = new Map<UseCase, Outcome>();
  readonly #beds = new Set<Bed>();
  /** By name. */
  readonly pictures = new Map<string, string>();
  #isStopped = false;

  constructor(programme: readonly UseCase[]) {
    this.#programme = programme;
  }

  /** What has been played, in the order of the programme. */
  get outcomes(): readonly Outcome[] {
    return this.#programme.flatMap((useCase) => this.#outcomes.get(useCase) ?? []);
  }

  /** Plays all, up to `atOnce` side by side, and then those that want to be alone; prints each outcome as it comes. */
  async play(atOnce: number): Promise<void> {
    const isAlone = (useCase: UseCase) => atOnce > 1 && useCase.isAlone === true;
    const others = this.#programme.filter((useCase) => !isAlone(useCase));
    await Promise.all(Array.from({ length: Math.min(atOnce, others.length) }, () => this.#playFrom(others)));
    await this.#playFrom(this.#programme.filter(isAlone));
  }

  /** Ends what is being played; nothing else begins. */
  stop(): void {
    this.#isStopped = true;
    for (const bed of this.#beds) void bed.close();
  }

  /** Plays one after the other of what is left in `waiting`, with one set of keys and files. */
  async #playFrom(waiting: UseCase[]): Promise<void> {
    if (this.#isStopped || waiting.length === 0) return;
    const setup = await TributarySetup.create(BED_PLACE);
    try {
      for (let next = waiting.shift(); next !== undefined && !this.#isStopped; next = waiting.shift())
        await this.#playOne(next, setup);
    } finally {
      await setup.remove();
    }
  }

  async #playOne(useCase: UseCase, setup: TributarySetup): Promise<void> {
    const place = `${this.#programme.indexOf(useCase) + 1}/${this.#programme.length}`;
    console.log(`[${place}] ${useCase.name} ...`);
    const { outcome, pictures } = await runUseCase(useCase, setup, (bed) => {
      this.#beds.add(bed);
      if (this.#isStopped) void bed.close();
    });
    if (this.#isStopped) return;
    this.#outcomes.set(useCase, outcome);
    for (const [name, svg] of pictures) this.pictures.set(name, svg);
    console.log(reportText(outcome));
  }
}
