import { availableParallelism, loadavg } from 'node:os';
import { report } from '../../system/support/system.ts';

/** Where more than this waits for each processor, everything takes longer. */
const MAX_LOAD = 2;
/** How much longer it may take then. */
const LENIENCE = 2;

/** What a limit of time is on this machine now: twice as much where much else runs, which is printed. */
export function allowedMs(limitMs: number): number {
  const load = loadavg()[0]! / availableParallelism();
  if (load <= MAX_LOAD) return limitMs;
  const allowed = LENIENCE * limitMs;
  report(`load ${load.toFixed(1)} for each processor: up to ${allowed} ms`);
  return allowed;
}
