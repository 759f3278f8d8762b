import { setTimeout as sleep } from 'node:timers/promises';
import { type Bed, createBed } from '../bed/bed.ts';
import { monotonicMs, type Transfer } from '../lab/agent/arrivals.ts';
import { Origin, startJob } from '../lab/agents.ts';
import { ORIGIN_PORT } from '../lab/bed-place.ts';
import { lateness } from '../lab/lateness.ts';
import { outcome } from '../lab/outcome.ts';
import { startBurden } from './busy-core.ts';
import type { Running } from './contestants/contestant.ts';
import type { FaultScript, FaultStep } from './fault-script.ts';
import { type Figures, figuresOf, judgedShares } from './figures.ts';
import type { Group, Hosts } from './plan.ts';
import type { Scenario } from './scenarios.ts';
import { headlineOf } from './summary.ts';
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
  /** Where several things happen in one transfer: the rate over what the network could carry, of each. */
  readonly judged?: readonly (readonly [name: string, share: number])[];
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
    if (scenario.burden) startBurden(bed, scenario.burden);
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
): Promise<Pick<RunRecord, 'figures' | 'error' | 'judged' | 'trace'>> {
  const task = workload.task(scenario, seconds);
  const direction = task.kind === 'bulk' ? task.direction : 'down';
  const limitMs = LIMIT_EXTRA_MS + LIMIT_FACTOR * workload.expectedMs(scenario, seconds);
  const pids = running.processes.map(({ pid }) => pid);
  await happened(bed, scenario.fault?.before);
  const stopWatch = task.kind === 'bulk' ? await running.watch?.() : undefined;
  const before = await usageOf(pids);
  const received = direction === 'up' || task.kind === 'duplex' ? origin.received(limitMs) : undefined;
  const uploadBegan = direction === 'up' ? origin.firstByte(limitMs) : undefined;
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
    const upload = task.kind === 'duplex' && transfer ? await received : undefined;
    const isRate = headlineOf(workload.name).figure === 'overSum';
    const after = await usageOf(pids);
    const watched = await stopWatch?.();
    const figures = figuresOf({
      scenario,
      direction,
      result,
      ...(transfer ? { transfer } : {}),
      ...(upload ? { upload } : {}),
      ...(task.kind === 'fetch' && isRate
        ? { fetchedBytes: task.sizes.reduce((sum, size) => sum + size, 0) }
        : {}),
      ...(watched ? { watched } : {}),
      ...(pids.length > 0
        ? { cpuSeconds: after.cpuSeconds - before.cpuSeconds, peakRssBytes: after.peakRssBytes }
        : {}),
    });
    const error = faults.problem() ?? result.error ?? wrongIn(transfer) ?? wrongIn(upload);
    const judged = transfer ? judgedShares(scenario, direction, transfer) : [];
    return {
      figures: faults.problem() ? { failures: 1 } : figures,
      ...(error === undefined ? {} : { error }),
      ...(judged.length > 1 ? { judged } : {}),
      ...(transfer ? { trace: { buckets: transfer.buckets, stepsAtMs: faults.appliedAtMs } } : {}),
    };
  } finally {
    faults.stop();
  }
}

function wrongIn(transfer: Transfer | undefined): string | undefined {
  return transfer?.error ?? (transfer && !transfer.isExact ? 'wrong bytes' : undefined);
}

/** Lets the steps happen at their times from now on, and waits for the end of the time. */
async function happened(bed: Bed, before: FaultScript['before']): Promise<void> {
  if (!before) return;
  const startMs = monotonicMs();
  const until = (atMs: number) => sleep(Math.max(0, startMs + atMs - monotonicMs()));
  for (const { atMs, apply } of before.steps) {
    await until(atMs);
    await apply(bed);
  }
  await until(before.ms);
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
    await sleep(DRAIN_LOOK_MS);
    const stats = await Promise.all(bed.uplinks.map((uplink) => uplink.stats()));
    const isEmpty = stats.every(({ up, down }) => up.queueBytes === 0 && down.queueBytes === 0);
    empty = isEmpty ? empty + 1 : 0;
  }
}
