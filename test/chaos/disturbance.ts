import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, PlayedFault, Target } from './fault.ts';
import { describeFault, kindOf, type Stage } from './fault-kinds.ts';
import { hit } from './schedule.ts';

/**
 * Plays a schedule, and answers what was played and when; resolves when all of it is over. `nowMs` is the clock of the schedule.
 * Faults of one target follow each other also where the machine is late. Rejects when one cannot be played.
 */
export async function disturb(
  stage: Stage,
  schedule: readonly Fault[],
  nowMs: () => number,
  say: (line: string) => void,
): Promise<PlayedFault[]> {
  const last = new Map<Target, Promise<unknown>>();
  const played = schedule.map((fault) => {
    const before = hit(fault).map((target) => last.get(target));
    const done = Promise.all(before).then(() => play(fault));
    for (const target of hit(fault)) last.set(target, done);
    return done;
  });
  return Promise.all(played);

  async function play(fault: Fault): Promise<PlayedFault> {
    const { begin, end } = kindOf(fault);
    await until(fault.atMs);
    say(`  ${describeFault(fault)}`);
    const atMs = nowMs();
    await begin(stage, fault);
    await until(fault.atMs + fault.lastsMs);
    await end?.(stage, fault);
    return { ...fault, atMs, lastsMs: nowMs() - atMs };
  }

  async function until(atMs: number): Promise<void> {
    await sleep(Math.max(0, atMs - nowMs()));
  }
}
