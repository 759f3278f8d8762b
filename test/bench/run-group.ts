import { type Bed, createBed } from '../bed/bed.ts';
import { monotonicMs } from '../lab/agent/arrivals.ts';
import { Origin, startJob } from '../lab/agents.ts';
import { ORIGIN_PORT } from '../lab/bed-place.ts';
import { lateness } from '../lab/lateness.ts';
import { outcome } from '../lab/outcome.ts';
import type { Running } from './contestants/contestant.ts';
import type { FaultStep } from './faults.ts';
import { type Figures, figuresOf } from './figures.ts';
import type { Group, Hosts } from './plan.ts';
import type { Scenario } from './scenarios.ts';
import { usageOf } from './usage.ts';
import type { Workload, WorkloadName } from './workloads/workload.ts';

/** One measurement, as the JSON has it. */
export interface RunRecord {
  readonly scenario: string;
  readonly hosts: Hosts;
  readonly contestant: string;
  readonly uplink?: string;
  readonly workload: WorkloadName;
  readonly repetition: number;
  readonly figures: Figures;
  /** Why there are no figures, or the first thing that went wrong. */
  readonly error?: string;
  /** How late the link emulator was on average; a busy machine shows here first. */
  readonly emulatorLateUs: number;
  /** Bytes of a bulk transfer in each 10 ms since the first byte, and the times of its fault's steps. */
  readonly trace?: { readonly buckets: readonly number[]; readonly stepsAtMs: readonly number[] };
}

/** A run is given up after this multiple of its expected time, and some more. */
const LIMIT_FACTOR = 3;
const LIMIT_EXTRA_MS = 30_000;
/** Longer than the deepest queue takes to run empty. */
const DRAIN_LIMIT_MS = 8_000;
const DRAIN_LOOK_MS = 50;
/** So many looks in a row must find empty queues: then acknowledgements and resets have arrived, too. */
const DRAINED_LOOKS = 4;

/** Measures a group in a bed of its own. `onBed` gets the bed, so that it can be closed when everything must end at once. */
export async function runGroup(group: Group, onBed: (bed: Bed) => void): Promise<RunRecord[]> {
  const { scenario, hosts, contestant, repetition, seconds } = group;
  const records: RunRecord[] = [];
  const bed = await createBed({ uplinks: scenario.uplinks, congestionControl: hosts, seed: repetition });
  onBed(bed);
  try {
    const origin = await Origin.start(bed.origin, bed.origin.address.v4, ORIGIN_PORT);
    const running = await contestant.start(bed);
    for (const [index, workload] of group.workloads.entries()) {
      if (index > 0) await drained(bed);
      const measured = await measure(bed, origin, running, scenario, workload, seconds).catch((error) => ({
        figures: { failures: 1 },
        error: (error as Error).message,
      }));
      records.push({
        scenario: scenario.id,
        hosts,
        contestant: contestant.name,
        ...(contestant.uplink ? { uplink: contestant.uplink } : {}),
        workload: workload.name,
        repetition,
        emulatorLateUs: await lateness(bed),
        ...measured,
      });
    }
    await running.stop();
  } finally {
    await bed.close();
  }
  return records;
}

async function measure(
  bed: Bed,
  origin: Origin,
  running: Running,
  scenario: Scenario,
  workload: Workload,
  seconds: number | undefined,
): Promise<Pick<RunRecord, 'figures' | 'error' | 'trace'>> {
  const task = workload.task(scenario, seconds);
  const direction = task.kind === 'bulk' ? task.direction : 'down';
  const limitMs = LIMIT_EXTRA_MS + LIMIT_FACTOR * workload.expectedMs(scenario, seconds);
  const pids = running.processes.map(({ pid }) => pid);
  const stopWatch = task.kind === 'bulk' ? await running.watch?.() : undefined;
  const before = await usageOf(pids);
  const isUpload = direction === 'up';
  const received = isUpload ? origin.received(limitMs) : undefined;
  const uploadBegan = isUpload ? origin.firstByte(limitMs) : undefined;
  for (const promise of [received, uploadBegan]) promise?.catch(() => {});
  const job = startJob(bed.client, {
    task,
    origin: { host: bed.origin.address.v4, port: ORIGIN_PORT },
    route: running.route,
    limitMs,
  });
  const faults = startFaults(bed, scenario.fault?.steps ?? [], uploadBegan ?? job.firstByte);
  try {
    const result = await job.result;
    const transfer = await outcome(task, result, received);
    const after = await usageOf(pids);
    const watched = await stopWatch?.();
    const figures = figuresOf({
      scenario,
      direction,
      result,
      ...(transfer ? { transfer } : {}),
      ...(watched ? { watched } : {}),
      ...(pids.length > 0
        ? { cpuSeconds: after.cpuSeconds - before.cpuSeconds, peakRssBytes: after.peakRssBytes }
        : {}),
    });
    const error =
      faults.problem() ??
      result.error ??
      transfer?.error ??
      (transfer && !transfer.isExact ? 'wrong bytes' : undefined);
    return {
      figures: faults.problem() ? { failures: 1 } : figures,
      ...(error === undefined ? {} : { error }),
      ...(transfer ? { trace: { buckets: transfer.buckets, stepsAtMs: faults.appliedAtMs } } : {}),
    };
  } finally {
    faults.stop();
  }
}

/** Applies the steps at their times after the first byte. */
function startFaults(bed: Bed, steps: readonly FaultStep[], firstByte: Promise<number>) {
  const appliedAtMs: number[] = [];
  const timers: NodeJS.Timeout[] = [];
  let failure: string | undefined;
  let isStopped = false;
  firstByte.then(
    (firstAtMs) => {
      if (isStopped) return;
      for (const step of steps) {
        const apply = () => {
          appliedAtMs.push(monotonicMs() - firstAtMs);
          step.apply(bed).catch((error: Error) => {
            failure ??= error.message;
          });
        };
        timers.push(setTimeout(apply, firstAtMs + step.atMs - monotonicMs()));
      }
    },
    () => {},
  );
  return {
    appliedAtMs,
    /** Why the fault was not applied: the figures mean nothing then. */
    problem: () => failure && `fault not applied: ${failure}`,
    stop() {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Waits until the queues that the last workload filled are empty. */
async function drained(bed: Bed): Promise<void> {
  const deadline = monotonicMs() + DRAIN_LIMIT_MS;
  for (let empty = 0; empty < DRAINED_LOOKS && monotonicMs() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
    const stats = await Promise.all(bed.uplinks.map((uplink) => uplink.stats()));
    const isEmpty = stats.every(({ up, down }) => up.queueBytes === 0 && down.queueBytes === 0);
    empty = isEmpty ? empty + 1 : 0;
  }
}
