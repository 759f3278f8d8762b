import { MisuseError } from './errors.ts';

/** What each state answers to each event; a pair that is not listed must never happen. */
export type TransitionTable<State extends string, Event extends string> = {
  readonly [state in State]: { readonly [event in Event]?: State };
};

/** A state that changes only along its table. @throws MisuseError for an unlisted transition. */
export class StateMachine<State extends string, Event extends string> {
  readonly #table: TransitionTable<State, Event>;
  readonly #what: string;
  readonly #id: number;
  #state: State;

  /** @param what in messages, with its id: of each stream there are several, and to join the two for each would cost more than all else here */
  constructor(what: string, id: number, table: TransitionTable<State, Event>, initial: State) {
    this.#what = what;
    this.#id = id;
    this.#table = table;
    this.#state = initial;
  }

  get state(): State {
    return this.#state;
  }

  apply(event: Event): State {
    const next = this.#table[this.#state][event];
    if (next === undefined) {
      throw new MisuseError(`${this.#what} ${this.#id}: event ${event} in state ${this.#state}`);
    }
    this.#state = next;
    return next;
  }
}
