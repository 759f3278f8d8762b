import { type EventLoopUtilization, performance as loop } from 'node:perf_hooks';

/** How busy the event loop is: 1 where it never waits, and so has no more to give. */
export class LoopLoad {
  #last: EventLoopUtilization = loop.eventLoopUtilization();

  /** Since the last call, 0 to 1. */
  take(): number {
    const now = loop.eventLoopUtilization();
    const { utilization } = loop.eventLoopUtilization(now, this.#last);
    this.#last = now;
    return utilization;
  }
}
