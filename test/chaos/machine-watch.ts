import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late timers of this process were, which does little itself: so long it waited for the machine. */
export interface Lateness {
  readonly meanMs: number;
  readonly mostMs: number;
}

const RESOLUTION_MS = 10;
/** An idle machine is late by a fraction of a millisecond, and by ten now and then. */
const BUSY: Lateness = { meanMs: 5, mostMs: 1_000 };

/** Watches from now on whether the machine keeps up. */
export function watchMachine(): { end(): Lateness } {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return {
    end() {
      delay.disable();
      const lateMs = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS);
      return { meanMs: lateMs(delay.mean), mostMs: lateMs(delay.max) };
    },
  };
}

/** Whether somebody may have waited so long for the machine that it looks like a fault of the programs. */
export function wasBusy({ meanMs, mostMs }: Lateness): boolean {
  return meanMs > BUSY.meanMs || mostMs > BUSY.mostMs;
}
