import { StateMachine, type TransitionTable } from '../transition-table.ts';

/**
 * What the two ends have agreed that a subflow is for. `backup`: used only when no other works (RFC 8684 section 3.3.8).
 * `retiring`: one too many; nothing new goes there, and it is closed once all has arrived.
 */
export type Duty = 'regular' | 'backup' | 'retiring';
type DutyEvent = 'makeBackup' | 'makeRegular' | 'retire';

const DUTY_TABLE: TransitionTable<Duty, DutyEvent> = {
  regular: { makeBackup: 'backup', makeRegular: 'regular', retire: 'retiring' },
  backup: { makeBackup: 'backup', makeRegular: 'regular', retire: 'retiring' },
  // Of the peer's PRIORITY that crossed with ours nothing comes any more.
  retiring: { makeBackup: 'retiring', makeRegular: 'retiring' },
};

/** The duty of one subflow, and the generations of PRIORITY (SPEC.md section 7) by which the ends tell each other of it. */
export class SubflowDuty {
  readonly #state: StateMachine<Duty, DutyEvent>;
  #toldGeneration = 0;
  #heardGeneration = 0;

  constructor(subflowId: number, isBackup: boolean) {
    this.#state = new StateMachine('duty of subflow', subflowId, DUTY_TABLE, isBackup ? 'backup' : 'regular');
  }

  get value(): Duty {
    return this.#state.state;
  }

  /** The generation of the newest PRIORITY that was told to the peer; 0 before the first. */
  get toldGeneration(): number {
    return this.#toldGeneration;
  }

  /** This end wants it so. @returns the generation by which the peer is told */
  set(event: DutyEvent): number {
    this.#state.apply(event);
    return ++this.#toldGeneration;
  }

  /** The peer wants it so; without effect when that is older than what was heard last. */
  hear(isBackup: boolean, generation: number): void {
    if (generation <= this.#heardGeneration) return;
    this.#heardGeneration = generation;
    this.#state.apply(isBackup ? 'makeBackup' : 'makeRegular');
  }
}
