import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** How busy the event loop is: 1 where it never waits, and so has no more to give. */
export class LoopLoad {
  #last: EventLoopUtilization = performance.eventLoopUtilization();

  /** Since the last call, 0 to 1. */
  take(): number {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#last);
    this.#last = now;
    return utilization;
  }
}
