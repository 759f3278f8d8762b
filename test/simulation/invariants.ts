import { PIECE_BYTES } from '../../shared/protocol/memory/footprint.ts';
import { SIDES } from './network.ts';
import type { StreamRun, World } from './world.ts';

/** Nothing may stand still for so long: longer than any redialling takes, or a reader that has stopped. */
const STALL_LIMIT_MS = 40_000;
const IDLE_MS = 5_000;
/** A ping a second and end on each subflow, each answered by one receipt in two copies. */
const IDLE_BYTES_PER_SUBFLOW_AND_SECOND = 300;

/** Runs until all streams are done; then everything must be given back, and all must be quiet. */
export function settle(world: World): void {
  let progress = -1;
  while (!world.runUntil(() => world.isSettled, world.clock.nowMs + STALL_LIMIT_MS)) {
    const before = progress;
    progress = world.progress;
    if (progress === before) throw new Error('a stream neither finishes nor fails');
  }
  world.advance(2_000);
  checkEndings(world);
  for (const [id, run] of world.streams) checkOutcome(world, id, run);
  checkAllReturned(world);
  checkQuiet(world);
}

/** All uplinks go for good: both sessions end by themselves once they have waited for `lingerMs`. */
export function finish(world: World, lingerMs: number): void {
  for (const uplink of world.uplinks) {
    uplink.goForGood();
    for (const connection of uplink.connections) connection.sever({ client: 10, concentrator: 20 });
  }
  const goneMs = world.clock.nowMs;
  const wasLost = SIDES.some((side) => world.ends[side].session.isClosed);
  world.advance(lingerMs + 30_000);
  for (const side of SIDES) {
    const { closedBecause, closedAtMs } = world.ends[side];
    if (closedBecause !== 'uplinksLost' && !wasLost)
      throw new Error(`${side}: closed because of ${closedBecause}`);
    if (closedAtMs! < goneMs && !wasLost) throw new Error(`${side}: lost its uplinks too early`);
    if (world.ends[side].session.deadlineMs !== Number.POSITIVE_INFINITY) {
      throw new Error(`${side}: a closed session still wants a timer`);
    }
  }
}

/** A session ends only after its linger, or since the other end is gone. */
function checkEndings(world: World): void {
  for (const side of SIDES) {
    const { closedBecause } = world.ends[side];
    if (closedBecause === undefined) continue;
    const isExcused = closedBecause === 'uplinksLost' || closedBecause === 'sessionUnknown';
    if (!world.mayLoseSession || !isExcused) throw new Error(`${side}: closed because of ${closedBecause}`);
  }
}

function checkOutcome(world: World, id: number, run: StreamRun): void {
  const { client, origin, spec } = run;
  const clientDone = client.isFinished && client.receivedBytes === spec.origin.sendBytes;
  const originDone =
    origin?.isFinished === true && origin.receivedBytes === spec.client.sendBytes && run.isRequested;
  if (client.isFinished && client.receivedBytes !== spec.origin.sendBytes) {
    throw new Error(`stream ${id}: the client's end came at ${client.receivedBytes}`);
  }
  if (clientDone && originDone) return;
  if (SIDES.some((side) => world.ends[side].session.isClosed)) return;
  if (!run.mayFail && !world.isGoingAway) {
    throw new Error(`stream ${id}: failed without a cause`);
  }
  // Whoever is not through with the stream has heard that it failed.
  const isUnknownToClient = run.isInbound && !run.isRequested;
  const clientKnows = clientDone || client.failure !== undefined || isUnknownToClient;
  const isUnknownToOrigin = !run.isInbound && !run.isRequested;
  const originKnows = originDone || origin === undefined || origin.failure !== undefined || isUnknownToOrigin;
  if (!clientKnows || !originKnows) throw new Error(`stream ${id}: only one end knows that it failed`);
}

function checkAllReturned(world: World): void {
  if (world.chunks.lent !== 0) throw new Error(`${world.chunks.lent} chunks were never released`);
  for (const side of SIDES) {
    const { memory, session } = world.ends[side];
    const { reorderBytes, subflows } = session.snapshot();
    // Pings and their receipts are always under way.
    let frames = 0;
    for (const { framesUnderWay } of subflows) frames += framesUnderWay;
    if (memory.usedBytes > frames * PIECE_BYTES)
      throw new Error(`${side}: ${memory.usedBytes} bytes still taken`);
    if (reorderBytes !== 0) throw new Error(`${side}: ${reorderBytes} bytes still in order`);
  }
}

/** With nothing to do there are pings and their receipts, and nothing else. */
function checkQuiet(world: World): void {
  // Connections that are dying, or whose pipes still work off a queue, may say a last word first.
  world.advance(20_000);
  const before = SIDES.map((side) => world.ends[side].writtenBytes);
  world.advance(IDLE_MS);
  SIDES.forEach((side, index) => {
    const { session, writtenBytes } = world.ends[side];
    const bytes = writtenBytes - before[index]!;
    const most =
      (IDLE_BYTES_PER_SUBFLOW_AND_SECOND * Math.max(1, session.snapshot().subflows.length) * IDLE_MS) / 1000;
    if (bytes > most) throw new Error(`${side}: ${bytes} bytes in ${IDLE_MS} ms without anything to do`);
    if (session.isClosed) return;
    for (const subflow of session.snapshot().subflows) {
      if (subflow.framesUnderWay > 64) {
        throw new Error(`${side}: ${subflow.framesUnderWay} frames under way on an idle subflow`);
      }
    }
  });
}
