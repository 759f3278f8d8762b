import { STEERING_MODE_NAMES } from '../../shared/protocol/steering/modes.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { ApplicationSpec } from './application.ts';
import { finish, settle } from './invariants.ts';
import { SIDES, type Side, type UplinkShape } from './network.ts';
import type { LinkShape } from './pipe.ts';
import { randomPolicy } from './policies.ts';
import { Random } from './random.ts';
import { type StreamSpec, World } from './world.ts';

const MBIT = 125_000;

/** What one seed did, for the test to compare and print. */
export interface RunResult {
  readonly digest: string;
  readonly streams: number;
  readonly bytes: number;
  readonly virtualMs: number;
  /** Whether the session ended while streams were open. */
  readonly isSessionLost: boolean;
}

/**
 * One random run: network, applications and faults all follow from the seed.
 * @throws Error naming the seed and the state when anything that must hold does not
 */
export function runSeed(seed: number, onTrace?: (line: string) => void): RunResult {
  const random = new Random(seed);
  const profile = random.chance(0.5) ? SPREAD : TIGHT;
  const losesAll = random.chance(0.05);
  const lingerMs = losesAll ? 5_000 : 60_000;
  const uplinks = Array.from({ length: random.integer(1, 4) }, (_, index) =>
    randomUplink(random, index, profile),
  );
  // Drawn by itself, so that all else in a run is as it would be without.
  const losesBind = new Random(seed + 0x5eed).chance(0.2);
  const world = new World({
    seed,
    uplinks: losesBind ? uplinks.map((uplink) => ({ ...uplink, congestionControl: 'reno' })) : uplinks,
    lingerMs,
    lagMs: random.chance(0.3) ? random.logBetween(0.1, 30) : 0,
    measures: random.chance(0.3),
    memoryBytes: random.chance(profile.smallMemoryChance) ? 2 * 1024 * 1024 : 64 * 1024 * 1024,
    maxStreams: random.chance(0.3) ? 16 : 1_024,
  });
  world.trace.onLine = onTrace;
  world.mayLoseSession = losesAll;
  try {
    planStreams(world, random, profile, new Random(seed + 0x57ee4));
    // With draws of its own, so that all else in a run is as it would be without.
    planVisitors(world, new Random(seed + 0x1b0d), profile);
    planSteering(world, new Random(seed + 0xc4a46e), profile);
    world.connect();
    planFaults(world, random, profile, losesAll);
    world.advance(FAULT_TIME_MS);
    heal(world, random);
    settle(world);
    finish(world, lingerMs);
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${world.describe()}`, { cause: error });
  }
  let bytes = 0;
  for (const { client, origin } of world.streams.values()) {
    bytes += client.receivedBytes + (origin?.receivedBytes ?? 0);
  }
  return {
    digest: world.trace.digest,
    streams: world.streams.size,
    bytes,
    virtualMs: world.clock.nowMs,
    isSessionLost: losesAll,
  };
}

/** What the random draws of a run range over. */
interface Profile {
  readonly rateMbit: readonly [number, number];
  readonly roundTripMs: readonly [number, number];
  readonly mostBytes: number;
  readonly largeBytes: number;
  readonly opensWithinMs: number;
  readonly faults: readonly [number, number];
  readonly faultsWithinMs: number;
  readonly longestStallMs: number;
  readonly smallMemoryChance: number;
}

/** Everything from a modem to fibre; most streams are short. */
const SPREAD: Profile = {
  rateMbit: [0.5, 300],
  roundTripMs: [1, 600],
  mostBytes: 200_000,
  largeBytes: 3_000_000,
  opensWithinMs: 8_000,
  faults: [1, 8],
  faultsWithinMs: 12_000,
  longestStallMs: 20_000,
  smallMemoryChance: 0.2,
};

/** Slow uplinks that are busy all the time while one fault comes after the other; windows that block. */
const TIGHT: Profile = {
  rateMbit: [0.5, 8],
  roundTripMs: [5, 300],
  mostBytes: 600_000,
  largeBytes: 1_000_000,
  opensWithinMs: 1_000,
  faults: [4, 20],
  faultsWithinMs: 5_000,
  longestStallMs: 1_500,
  smallMemoryChance: 0.6,
};

/** Faults and opening streams happen in the first part of a run. */
const FAULT_TIME_MS = 15_000;

function randomUplink(random: Random, index: number, profile: Profile): UplinkShape {
  const roundTripMs = random.logBetween(...profile.roundTripMs);
  const userTimeoutMs = random.chance(0.7) ? 10_000 : Number.POSITIVE_INFINITY;
  const link = (): LinkShape => {
    const rateBytesPerSecond = random.logBetween(...profile.rateMbit) * MBIT;
    return {
      rateBytesPerSecond,
      delayMs: roundTripMs / 2,
      jitterMs: random.chance(0.5) ? 0 : random.between(0, 0.3) * roundTripMs,
      lossRate: random.chance(0.5) ? 0 : random.logBetween(0.0001, 0.03),
      queueBytes: (rateBytesPerSecond * random.logBetween(10, 500)) / 1000,
    };
  };
  return {
    name: `wan${index}`,
    up: link(),
    down: link(),
    isBackup: index > 0 && random.chance(0.1),
    userTimeoutMs,
    sendBufferBytes: Math.round(random.logBetween(1, 512 * 1024)),
  };
}

/** Of the streams that are opened; a session takes 128, of both directions and with those that are steered later. */
const MOST_POLICIES = 90;

function planStreams(world: World, random: Random, profile: Profile, steering: Random): void {
  const names = world.uplinks.map(({ shape }) => shape.name);
  const areSteered = steering.chance(0.5);
  const isCrowd = random.chance(0.05);
  const count = isCrowd ? random.integer(50, 200) : random.integer(1, 8);
  const mostBytes = isCrowd ? 20_000 : random.chance(0.1) ? profile.largeBytes : profile.mostBytes;
  const policies: (StreamPolicy | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    const spec = randomStream(random, mostBytes);
    const atMs = random.chance(0.3) ? 0 : random.between(0, isCrowd ? 2_000 : profile.opensWithinMs);
    policies.push(areSteered ? randomPolicy(steering, names) : undefined);
    const policy = policies[i % MOST_POLICIES];
    world.clock.at(atMs, () => world.openStream(spec, policy));
  }
  if (random.chance(0.05)) {
    const side = random.pick(SIDES);
    world.clock.at(random.between(0, 10_000), () => {
      world.isGoingAway = true;
      world.ends[side].input((session) => session.goAway('goingAway'));
      world.ends[side].wake();
    });
  }
}

/** Some runs have inbound streams beside the client's own. Their policies are modes alone, which count towards no bound. */
function planVisitors(world: World, random: Random, profile: Profile): void {
  if (random.chance(0.6)) return;
  for (let count = random.integer(1, 8); count > 0; count--) {
    const spec = randomStream(random, profile.mostBytes);
    const mode = random.pick([undefined, ...STEERING_MODE_NAMES]);
    const atMs = random.between(0, profile.opensWithinMs);
    // Both ends wait for the handshakes.
    world.clock.at(atMs, () => world.openInbound(spec, mode && { mode }));
  }
}

/** Policies of open streams change, and which subflows are backups. */
function planSteering(world: World, random: Random, { faultsWithinMs }: Profile): void {
  if (random.chance(0.6)) return;
  const names = world.uplinks.map(({ shape }) => shape.name);
  for (let changes = random.integer(1, 10); changes > 0; changes--) {
    const draws = random.fork();
    world.clock.at(random.between(0, faultsWithinMs), () => {
      const { session } = world.ends.client;
      if (session.isClosed) return;
      if (world.streams.size > 0 && draws.chance(0.8)) {
        world.steer(draws.pick([...world.streams.keys()]), randomPolicy(draws, names));
      } else if (session.snapshot().subflows.length > 0) {
        world.ends.client.input(({ subflows }) =>
          subflows.setBackup(draws.pick(session.snapshot().subflows).id, draws.chance(0.5)),
        );
        world.ends.client.wake();
      }
    });
  }
}

function randomStream(random: Random, mostBytes: number): StreamSpec {
  const size = () => (random.chance(0.15) ? 0 : Math.round(random.logBetween(1, mostBytes)));
  const kind = random.pick(['upload', 'download', 'both', 'request'] as const);
  const client = randomApplication(random, kind === 'download' ? 0 : size(), false);
  // Only one of the two may wait for the other.
  const origin = randomApplication(random, kind === 'upload' ? 0 : size(), kind === 'request');
  return {
    client,
    origin,
    dialMs: random.chance(0.3) ? 0 : random.logBetween(1, 500),
    refusal: random.chance(0.05) ? random.pick(['connectionRefused', 'nameNotFound'] as const) : undefined,
    reset: random.chance(0.1)
      ? { side: random.pick(SIDES), afterMs: random.logBetween(1, 5_000) }
      : undefined,
  };
}

function randomApplication(random: Random, sendBytes: number, sendsAfterPeer: boolean): ApplicationSpec {
  return {
    sendBytes,
    chunkBytes: Math.ceil(random.logBetween(16, 256 * 1024)) + sendBytes / 200,
    writePauseMs: random.chance(0.2) ? random.logBetween(0.1, 20) : 0,
    sendsAfterPeer,
    readBytesPerMs: random.chance(0.2) ? random.logBetween(20, 10_000) : Number.POSITIVE_INFINITY,
    readStop: random.chance(0.1)
      ? { atBytes: random.integer(0, 100_000), forMs: random.logBetween(10, 8_000) }
      : undefined,
  };
}

function planFaults(world: World, random: Random, profile: Profile, losesAll: boolean): void {
  const count = random.chance(0.2) ? 0 : random.integer(...profile.faults);
  for (let i = 0; i < count; i++) {
    const atMs = random.between(0, profile.faultsWithinMs);
    const fault = random.pick([stallOne, stallOne, severOne, takeDown, slowDown, doubtOne]);
    const draws = random.fork();
    world.clock.at(atMs, () => fault(world, draws, profile));
  }
  if (losesAll) {
    world.clock.at(random.between(500, 6_000), () => loseAll(world, 60_000, random.fork()));
  } else if (random.chance(0.15)) {
    const draws = random.fork();
    world.clock.at(random.between(500, 8_000), () => loseAll(world, draws.logBetween(100, 20_000), draws));
  }
}

function randomConnection(world: World, random: Random) {
  const all = world.uplinks.flatMap((uplink) => [...uplink.connections]);
  return all.length === 0 ? undefined : random.pick(all);
}

/** A radio pause or a black hole, in one direction or both. */
function stallOne(world: World, random: Random, { longestStallMs }: Profile): void {
  const connection = randomConnection(world, random);
  const sides: readonly Side[] = random.chance(0.3) ? [random.pick(SIDES)] : SIDES;
  connection?.stall(sides);
  const forMs = random.logBetween(50, longestStallMs);
  world.clock.after(forMs, () => connection?.resume(random.between(0, Math.min(forMs, 2_000))));
}

function randomLearning(random: Random) {
  const learns = () => (random.chance(0.3) ? undefined : random.logBetween(0.1, 3_000));
  return { client: learns(), concentrator: learns() };
}

function severOne(world: World, random: Random): void {
  randomConnection(world, random)?.sever(randomLearning(random));
}

/** An uplink is gone for a while: cable out, or a black hole for all that is on it. */
function takeDown(world: World, random: Random, { longestStallMs }: Profile): void {
  const uplink = random.pick(world.uplinks);
  uplink.isUp = false;
  const forMs = random.logBetween(50, longestStallMs / 2);
  const isClean = random.chance(0.5);
  for (const connection of uplink.connections) {
    if (isClean) connection.sever(randomLearning(random));
    else connection.stall(SIDES);
  }
  world.clock.after(forMs, () => bringUp(random, uplink));
}

function bringUp(random: Random, uplink: World['uplinks'][number]): void {
  uplink.isUp = true;
  for (const connection of uplink.connections) connection.resume(random.between(0, 500));
}

function loseAll(world: World, forMs: number, random: Random): void {
  const isClean = random.chance(0.5);
  for (const uplink of world.uplinks) {
    uplink.isUp = false;
    for (const connection of uplink.connections) {
      if (isClean) connection.sever(randomLearning(random));
      else connection.stall(SIDES);
    }
  }
  world.clock.after(forMs, () => {
    for (const uplink of world.uplinks) bringUp(random, uplink);
  });
}

function slowDown(world: World, random: Random): void {
  const uplink = random.pick(world.uplinks);
  const { shape } = random.pick([uplink.links.up, uplink.links.down]);
  const before = { ...shape };
  shape.rateBytesPerSecond = Math.max(30_000, shape.rateBytesPerSecond * random.logBetween(0.02, 1));
  shape.delayMs *= random.logBetween(0.3, 3);
  world.clock.after(random.logBetween(100, 10_000), () => Object.assign(shape, before));
}

/** The interface says that it is in trouble; the connection may be all right. */
function doubtOne(world: World, random: Random): void {
  const end = world.ends[random.pick(SIDES)];
  if (end.subflowIds.length === 0) return;
  end.input(({ subflows }) => subflows.doubt(random.pick(end.subflowIds), 'its interface is down'));
  end.wake();
}

/** From here on the network is at rest, so that everything must come to an end. */
function heal(world: World, random: Random): void {
  for (const uplink of world.uplinks) bringUp(random, uplink);
}
