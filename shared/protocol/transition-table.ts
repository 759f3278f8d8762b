import { MisuseError } from './errors.ts';

/** What each state answers to each event; a pair that is not listed must never happen. */
export type TransitionTable<State extends string, Event extends string> = {
  readonly [state in State]: { readonly [event in Event]?: State };
};

/** A state that changes only along its table. @throws MisuseError for an unlisted transition. */
export class StateMachine<State extends string, Event extends string> {
  readonly #table: TransitionTable<State, Event>;
  readonly #name: string;
  #state: State;

  constructor(name: string, table: TransitionTable<State, Event>, initial: State) {
    this.#name = name;
    this.#table = table;
    this.#state = initial;
  }

  get state(): State {
    return this.#state;
  }

  apply(event: Event): State {
    const next = this.#table[this.#state][event];
    if (next === undefined) {
      throw new MisuseError(`${this.#name}: event ${event} in state ${this.#state}`);
    }
    this.#state = next;
    return next;
  }
}
