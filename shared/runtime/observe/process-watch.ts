import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { MonotonicClock } from '../clock.ts';
import { Descriptors, type DescriptorWork } from '../kernel/descriptors.ts';
import { errorWords } from '../text/error-words.ts';
import { type LineBounds, LineLimit, type LineLog } from './line-limit.ts';
import { registerLoopDelays } from './loop-delay-metrics.ts';
import { LoopWatch } from './loop-watch.ts';
import { registerCounter } from './scraped-metric.ts';

export interface ProcessWatchDeps {
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  /** Log lines that could not be written, where there is a log that may fail. */
  readonly droppedLogLines?: (() => number) | undefined;
}

/** What is said here concerns the whole machine: once, and then once a minute. */
const BOUNDS: LineBounds = { burst: 1, intervalMs: 60_000 };

/** What the machine withholds from the process: descriptors, time, and a place for its log. Counted, and said a few times. */
export class ProcessWatch {
  readonly #log: LineLog;
  readonly #descriptors: Descriptors;
  readonly #loop: LoopWatch;
  readonly #droppedLogLines: () => number;

  constructor({ logger, clock, droppedLogLines = () => 0 }: ProcessWatchDeps) {
    const log = new LineLimit(clock, BOUNDS).over(logger);
    this.#log = log;
    this.#droppedLogLines = droppedLogLines;
    this.#descriptors = new Descriptors(clock, (work, use) => log.warn({ work, ...use }, FEW_DESCRIPTORS));
    this.#loop = new LoopWatch(clock, (stalledMs) => log.warn({ stalledMs }, STALLED));
  }

  start(): void {
    this.#loop.start();
  }

  stop(): void {
    this.#loop.stop();
  }

  /** Whether a file descriptor may be used for this work. Where not, the work has to be refused. */
  hasDescriptor(work: DescriptorWork): boolean {
    return this.#descriptors.take(work);
  }

  /** Accepting a connection failed, as on a machine without memory. */
  onAcceptFailed(error: Error): void {
    this.#log.error({ reason: errorWords(error) }, 'accepting failed');
  }

  register(registry: Registry): void {
    const { refused } = this.#descriptors;
    registerCounter(registry, {
      name: 'tributary_descriptor_refusals_total',
      help: 'New connections that were refused because few file descriptors are left, by work: stream (applications and origins), subflow',
      labelNames: ['work'],
      *samples() {
        for (const [work, count] of Object.entries(refused)) yield [{ work }, count];
      },
    });
    const stalls = () => this.#loop.stalls;
    registerCounter(registry, {
      name: 'tributary_event_loop_stalls_total',
      help: 'How often the program stood still for more than a second: suspended, stopped, or on an overloaded machine',
      labelNames: [],
      *samples() {
        yield [{}, stalls()];
      },
    });
    registerLoopDelays(registry, () => this.#loop.takeDelays());
    const dropped = this.#droppedLogLines;
    registerCounter(registry, {
      name: 'tributary_log_lines_dropped_total',
      help: 'Log lines that were lost because standard output was full, closed or not read',
      labelNames: [],
      *samples() {
        yield [{}, dropped()];
      },
    });
  }
}

const FEW_DESCRIPTORS =
  'few file descriptors are left: new connections are refused until others end (raise the limit: LimitNOFILE in the unit, or ulimit -n)';
const STALLED = 'the program stood still: suspended, stopped, or the machine is overloaded';

/** @param reason why there are no native socket calls */
export function warnWithoutNative(logger: Pick<Logger, 'warn'>, reason: string): void {
  logger.warn(
    { reason },
    'no native socket calls: a connection that is reset right behind its last data looks as if it had ended well',
  );
}
