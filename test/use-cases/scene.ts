import { setTimeout as sleep } from 'node:timers/promises';
import { type Bed, createBed } from '../bed/bed.ts';
import { monotonicMs, type Transfer } from '../lab/agent/arrivals.ts';
import type { ClientJob, ClientResult, Route } from '../lab/agent/job.ts';
import { Origin, startJob } from '../lab/agents.ts';
import { ORIGIN_PORT, SOCKS } from '../lab/bed-place.ts';
import { type CpuTimes, cpuTimes } from '../lab/cpu-wait.ts';
import { lateness } from '../lab/lateness.ts';
import { type StartedPair, startPair } from '../lab/tributary-pair.ts';
import type { TributarySetup } from '../lab/tributary-setup.ts';
import { Recorder, type Source } from './recorder.ts';
import type { Traffic } from './traffic.ts';
import type { UseCase } from './use-case.ts';

/** Something that happened, for the picture. */
export interface SceneEvent {
  readonly atMs: number;
  readonly label: string;
}

/** When an uplink was not there, for the picture. */
export interface Absence {
  readonly uplink: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** How much the machine was in the way. */
export interface Machine {
  /** Mean of the link emulator, on its worst direction. */
  readonly emulatorLateUs: number;
  /** The part of the time in which the program that was worse off was ready to run, and had to wait. */
  readonly cpuWaitShare: number;
}

/** For agents to start and end, beyond what their task takes. */
const JOB_EXTRA_MS = 10_000;

/** A use case being played: its network, the pair, the clock, and the record of bytes. */
export class Scene {
  readonly bed: Bed;
  readonly events: SceneEvent[] = [];
  /** What went wrong for the applications. */
  readonly complaints: string[] = [];
  /** For {@link UseCase.play} to fill. */
  readonly absences: Absence[] = [];
  readonly #origin: Origin;
  readonly #pair: StartedPair;
  #recorder: Recorder | undefined;
  #beganAtMs = 0;
  #cpuBefore: CpuTimes[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #failure: Error | undefined;

  private constructor(bed: Bed, origin: Origin, pair: StartedPair) {
    this.bed = bed;
    this.#origin = origin;
    this.#pair = pair;
  }

  /** Builds the network and starts the programs. `onBed` learns of the bed, to close it when all is to end at once. */
  static async create(useCase: UseCase, setup: TributarySetup, onBed: (bed: Bed) => void): Promise<Scene> {
    const bed = await createBed(useCase.bed);
    onBed(bed);
    try {
      await useCase.prepare?.(bed);
      const origin = await Origin.start(bed.origin, bed.origin.address.v4, ORIGIN_PORT);
      const configured = await setup.configured(useCase.client, useCase.concentrator);
      const pair = await startPair(
        bed,
        configured,
        useCase.isUp.map((name) => ({ name })),
      );
      return new Scene(bed, origin, pair);
    } catch (error) {
      await bed.close();
      throw error;
    }
  }

  /** The clock starts, and the record of what passes the sources, which are the uplinks unless told. */
  async begin(sources?: readonly Source[]): Promise<void> {
    this.#cpuBefore = await this.#cpuTimes();
    this.#beganAtMs = monotonicMs();
    this.#recorder = await Recorder.start(
      sources ?? this.bed.uplinks.map((uplink) => ({ name: uplink.name, read: octetsOf(uplink) })),
      () => this.nowMs,
    );
  }

  /** Since {@link begin}. */
  get nowMs(): number {
    return monotonicMs() - this.#beganAtMs;
  }

  get isRecorded(): boolean {
    return this.#recorder !== undefined;
  }

  get traffic(): Traffic {
    if (!this.#recorder) throw new Error('nothing is recorded before begin()');
    return this.#recorder.traffic;
  }

  /** Process ids of the pair: network files in /proc are those of their namespaces. */
  pid(role: 'client' | 'concentrator'): number {
    return this.#pair.processes.find((process) => process.role === role)!.pid;
  }

  /** Does something at a time after {@link begin}; with a label it is drawn. A failure fails the scene. */
  at(atMs: number, label: string | undefined, action: (bed: Bed) => Promise<unknown>): void {
    const act = () => {
      if (label !== undefined) this.events.push({ atMs: this.nowMs, label });
      action(this.bed).catch((error: Error) => {
        this.#failure ??= new Error(`at ${atMs} ms (${label ?? 'unlabelled'}): ${error.message}`);
      });
    };
    this.#timers.push(setTimeout(act, Math.max(0, atMs - this.nowMs)));
  }

  /** Waits until a time after {@link begin}. */
  async until(atMs: number): Promise<void> {
    await sleep(Math.max(0, atMs - this.nowMs));
  }

  /** An application of the client at work through the proxy, or as `route` says; it must be done within `ms` and some seconds. */
  async job(task: ClientJob['task'], ms: number, route: Route = { socks: SOCKS }): Promise<ClientResult> {
    const origin = { host: this.bed.origin.address.v4, port: ORIGIN_PORT };
    const job = { task, origin, route, limitMs: ms + JOB_EXTRA_MS };
    const result = await startJob(this.bed.client, job).result;
    const error = result.error ?? result.bulk?.error;
    if (error !== undefined) this.complaints.push(`${task.kind}: ${error}`);
    return result;
  }

  /** What comes of the next upload to the origin, of which only one may be under way. */
  received(ms: number): Promise<Transfer> {
    const transfer = this.#origin.received(ms + JOB_EXTRA_MS);
    // Whoever waits for the job learns of its failure first.
    transfer.catch(() => {});
    return transfer;
  }

  /** Ends the record. Throws when something could not be done in time. */
  async end(): Promise<void> {
    await this.#recorder?.stop();
    if (this.#failure) throw this.#failure;
  }

  /** How much the machine was in the way since {@link begin}. */
  async machine(): Promise<Machine> {
    const shares = (await this.#cpuTimes()).map(({ ranMs, waitedMs }, at) => {
      const before = this.#cpuBefore[at] ?? { ranMs: 0, waitedMs: 0 };
      const waited = waitedMs - before.waitedMs;
      return waited / Math.max(waited + ranMs - before.ranMs, 1);
    });
    return { emulatorLateUs: await lateness(this.bed), cpuWaitShare: Math.max(...shares) };
  }

  /** Ends all there is. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#recorder?.stop().catch(() => {});
    await this.#pair.stop();
    await this.bed.close();
  }

  #cpuTimes(): Promise<CpuTimes[]> {
    return Promise.all(this.#pair.processes.map(({ pid }) => cpuTimes(pid)));
  }
}

function octetsOf(uplink: Bed['uplinks'][number]): Source['read'] {
  return async () => {
    const { up, down } = await uplink.stats();
    return { up: up.bytesOut, down: down.bytesOut };
  };
}
