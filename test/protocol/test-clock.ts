import type { Now } from '../../shared/protocol/now.ts';

/** A clock that a test sets. */
export class TestClock implements Now {
  ms = 0;

  /** Sets the time and hands `subject` on: `at(5, estimator).add(…)` is what happens to it at 5 ms. */
  readonly at = <Subject>(ms: number, subject: Subject): Subject => {
    this.ms = ms;
    return subject;
  };
}
