import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import type { ConfiguredUplink } from '../config/client-config.ts';
import type { SpeedProgress, SpeedReport, SpeedTestRequest } from './speed-report.ts';
import { SpeedTestError } from './subjects.ts';

/** Runs one test in this client. Rejects as `SpeedTest.run`. */
export type RunSpeedTest = (
  request: SpeedTestRequest,
  onProgress: (progress: SpeedProgress) => void,
  signal: CancelSignal,
) => Promise<SpeedReport>;

export interface SpeedTestsOptions {
  /** Absent: there is no concentrator to measure with. */
  readonly run: RunSpeedTest | undefined;
  /** All that there are now. */
  uplinks(): readonly ConfiguredUplink[];
}

/** What there is to tell of speed tests. */
export interface SpeedTestsState {
  readonly isPossible: boolean;
  /** Null: none runs. */
  readonly running: SpeedProgress | null;
  /** Why the last one has no result, in words; empty where it has. */
  readonly problem: string;
  /** The latest first. */
  readonly results: readonly SpeedReport[];
  readonly uplinks: readonly { readonly name: string; readonly isMetered: boolean }[];
}

/** Results that are kept, in memory. */
const MAX_RESULTS = 10;

/** Speed tests of a client that runs: one at a time, and the last results. */
export class SpeedTests {
  readonly #options: SpeedTestsOptions;
  #running: { readonly stop: Cancellation; progress: SpeedProgress } | undefined;
  #problem = '';
  #results: readonly SpeedReport[] = [];

  constructor(options: SpeedTestsOptions) {
    this.#options = options;
  }

  get state(): SpeedTestsState {
    const { run, uplinks } = this.#options;
    return {
      isPossible: run !== undefined,
      running: this.#running?.progress ?? null,
      problem: this.#problem,
      results: this.#results,
      uplinks: uplinks().map(({ name, metered }) => ({ name, isMetered: metered !== undefined })),
    };
  }

  /** Runs one for who waits for it. Rejects as `RunSpeedTest`, and with SpeedTestError where none can run. */
  measure(...asked: Parameters<RunSpeedTest>): Promise<SpeedReport> {
    return this.#run(...asked);
  }

  /** Begins one; how it ends is told in `state`. Throws SpeedTestError while one runs, and where none can. */
  start(request: SpeedTestRequest): void {
    const run = this.#run;
    if (this.#running !== undefined) throw new SpeedTestError('a speed test runs already: wait for its end');
    const stop = new Cancellation();
    const running = { stop, progress: NOT_BEGUN };
    this.#running = running;
    this.#problem = '';
    const onProgress = (progress: SpeedProgress) => {
      running.progress = progress;
    };
    run(request, onProgress, stop)
      .then(
        (report) => {
          this.#results = [report, ...this.#results].slice(0, MAX_RESULTS);
        },
        (error: unknown) => {
          this.#problem = error instanceof Error ? errorWords(error) : String(error);
        },
      )
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Throws SpeedTestError where none can run. */
  get #run(): RunSpeedTest {
    const { run } = this.#options;
    if (run !== undefined) return run;
    throw new SpeedTestError('mode is direct: there is no concentrator to measure with');
  }

  /** Ends the one that runs, within the measurement that is under way. */
  stop(): void {
    this.#running?.stop.abort(new SpeedTestError('it was stopped'));
  }
}

const NOT_BEGUN: SpeedProgress = { phase: 'idle', uplinks: [], share: 0 };
