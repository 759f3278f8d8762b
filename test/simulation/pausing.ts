import { VirtualClock } from './clock.ts';
import { Connection, type Side, Uplink, type UplinkShape } from './network.ts';
import { Random } from './random.ts';
import { download, eager, steadyUplink } from './steady.ts';
import { type StreamSpec, World } from './world.ts';

/** Pauses of a radio: again and again nothing passes, in either direction. */
export interface Pauses {
  readonly pauseMs: number;
  readonly periodMs: number;
  /** When the first one begins. */
  readonly fromMs: number;
  /** Whether packets wait for the end of the pause, or are lost. */
  readonly packets: 'wait' | 'vanish';
}

/** An uplink, and when it pauses, if it does. */
export interface PausingUplink {
  readonly shape: UplinkShape;
  readonly pauses: Pauses | undefined;
}

/** What came of a transfer within RUN_MS. */
export interface Outcome {
  readonly bytes: number;
  /** The longest time in which nothing arrived in order, from the first byte on. */
  readonly standstillMs: number;
  /** How long a kernel waited at most, when a pause was over, before it sent again what was lost in it. */
  readonly kernelWaitMs: number;
}

export const RUN_MS = 30_000;
const MORE_THAN_ARRIVES = 10_000_000_000;

/** An uplink of so many Mbit/s both ways. `bound`: whether losses bound the rate, as with CUBIC, or do not, as with BBR. */
export function pausingUplink(
  name: string,
  { mbit, roundTripMs, bound }: { mbit: number; roundTripMs: number; bound: 'loss' | 'rate' },
): UplinkShape {
  const shape = steadyUplink(name, { downMbit: mbit, roundTripMs });
  return bound === 'loss' ? { ...shape, congestionControl: 'reno' } : shape;
}

/** What the pair carries in one stream. */
export function runPair(uplinks: readonly PausingUplink[], direction: 'down' | 'up' = 'down'): Outcome {
  const world = new World({ seed: 1, uplinks: uplinks.map(({ shape }) => shape), measures: true });
  world.connect();
  world.advance(1_000);
  const startMs = world.clock.nowMs;
  for (const [index, { pauses }] of uplinks.entries()) {
    if (pauses !== undefined)
      pauseAgainAndAgain(world.clock, world.uplinks[index]!, pauses, startMs + RUN_MS);
  }
  const run = world.openStream(direction === 'down' ? download(MORE_THAN_ARRIVES) : UPLOAD)!;
  const receiver = () => (direction === 'down' ? run.client : run.origin);
  world.advance(RUN_MS);
  const { receivedBytes = 0, longestGapMs = RUN_MS, lastArrivalMs = startMs } = receiver() ?? {};
  if (run.client.failure !== undefined) throw new Error(`failed: ${run.client.failure}`);
  return {
    bytes: receivedBytes,
    standstillMs: Math.max(longestGapMs, world.clock.nowMs - lastArrivalMs),
    kernelWaitMs: longestKernelWaitMs(world.uplinks, direction === 'down' ? 'concentrator' : 'client'),
  };
}

const UPLOAD: StreamSpec = { ...download(0), client: eager(MORE_THAN_ARRIVES), origin: eager(0) };

/** What one plain TCP connection carries over an uplink. */
export function runPlainTcp({ shape, pauses }: PausingUplink): Outcome {
  const clock = new VirtualClock();
  const uplink = new Uplink({ ...shape, sendBufferBytes: 4 * 1024 * 1024 });
  const { outward } = new Connection(clock, new Random(1), uplink);
  const startMs = 1_000;
  if (pauses !== undefined) pauseAgainAndAgain(clock, uplink, pauses, startMs + RUN_MS);
  const block = [new Uint8Array(256 * 1024)];
  let bytes = 0;
  let lastMs = startMs;
  let standstillMs = 0;
  outward.concentrator.onRoom = () => outward.concentrator.write(block);
  outward.concentrator.onBytes = (arrived) => {
    if (bytes > 0) standstillMs = Math.max(standstillMs, clock.nowMs - lastMs);
    lastMs = clock.nowMs;
    bytes += arrived.length;
  };
  clock.at(startMs, () => outward.concentrator.write(block));
  while (clock.step(startMs + RUN_MS));
  return {
    bytes,
    standstillMs: Math.max(standstillMs, clock.nowMs - lastMs),
    kernelWaitMs: longestKernelWaitMs([uplink], 'concentrator'),
  };
}

function longestKernelWaitMs(uplinks: readonly Uplink[], sender: Side): number {
  const waits = uplinks.flatMap(({ connections }) =>
    [...connections].map(({ outward }) => outward[sender].longestRepairWaitMs),
  );
  return Math.max(0, ...waits);
}

export function pauseAgainAndAgain(clock: VirtualClock, uplink: Uplink, pauses: Pauses, endMs: number): void {
  const { pauseMs, periodMs, fromMs, packets } = pauses;
  const begin = () => {
    uplink.pause(packets);
    clock.after(pauseMs, () => uplink.resume(packets, clock.nowMs));
    if (clock.nowMs + periodMs < endMs) clock.after(periodMs, begin);
  };
  clock.after(fromMs, begin);
}
