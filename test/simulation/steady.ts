import type { ApplicationSpec } from './application.ts';
import type { UplinkShape } from './network.ts';
import { type StreamRun, type StreamSpec, World } from './world.ts';

const BYTES_PER_SECOND_PER_MBIT = 125_000;

/** An uplink without loss, jitter or moods. `queueMs`: what the modem's queue holds. */
export function steadyUplink(
  name: string,
  shape: { downMbit: number; upMbit?: number; roundTripMs: number; queueMs?: number },
): UplinkShape {
  const { downMbit, upMbit = downMbit, roundTripMs, queueMs = 100 } = shape;
  const link = (mbit: number) => ({
    rateBytesPerSecond: mbit * BYTES_PER_SECOND_PER_MBIT,
    delayMs: roundTripMs / 2,
    jitterMs: 0,
    lossRate: 0,
    queueBytes: (mbit * BYTES_PER_SECOND_PER_MBIT * queueMs) / 1000,
  });
  return {
    name,
    up: link(upMbit),
    down: link(downMbit),
    isBackup: false,
    sendBufferBytes: 64 * 1024,
    userTimeoutMs: 10_000,
  };
}

/** An application that sends so much and reads at once. */
export function eager(sendBytes: number, changes: Partial<ApplicationSpec> = {}): ApplicationSpec {
  return {
    sendBytes,
    chunkBytes: 64 * 1024,
    writePauseMs: 0,
    sendsAfterPeer: false,
    readBytesPerMs: Number.POSITIVE_INFINITY,
    readStop: undefined,
    ...changes,
  };
}

/** A request of a few bytes and an answer of `bytes`. */
export function download(bytes: number, reader: Partial<ApplicationSpec> = {}): StreamSpec {
  return {
    client: eager(200, reader),
    origin: eager(bytes, { sendsAfterPeer: true }),
    dialMs: 5,
    refusal: undefined,
    reset: undefined,
  };
}

/** A world whose uplinks are all connected and idle. */
export function connectedWorld(...uplinks: UplinkShape[]): World {
  const world = new World({ seed: 1, uplinks, measures: true });
  world.connect();
  world.advance(3_000);
  return world;
}

/** Opens the stream and runs until the client has read all of it. @returns milliseconds of virtual time */
export function timeOf(world: World, spec: StreamSpec): number {
  return finishTime(world, world.openStream(spec)!);
}

/** Runs until the client has read all. @returns milliseconds since the stream was opened */
export function finishTime(world: World, run: StreamRun): number {
  const isDone = () => run.client.finishedAtMs !== undefined || run.client.failure !== undefined;
  if (!world.runUntil(isDone, world.clock.nowMs + 600_000)) throw new Error(`stalled\n${world.describe()}`);
  if (run.client.failure !== undefined) throw new Error(`failed: ${run.client.failure}`);
  return run.client.finishedAtMs! - run.openedAtMs;
}

export function megabitsPerSecond(bytes: number, ms: number): number {
  return (bytes * 8) / ms / 1000;
}
