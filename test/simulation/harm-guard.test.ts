import { describe, expect, it } from 'vitest';
import { settle } from './invariants.ts';
import { SIDES, type UplinkShape } from './network.ts';
import { download, eager, finishTime, megabitsPerSecond, steadyUplink } from './steady.ts';
import { type StreamSpec, World } from './world.ts';

interface Verdict {
  readonly atMs: number;
  readonly isParked: boolean;
  readonly uplink: string;
  readonly reason: string;
}

/** A connected world, and what the guards of both ends say in it. */
function guardedWorld(uplinks: readonly UplinkShape[], memoryBytes = 64_000_000) {
  const world = new World({ seed: 1, uplinks, measures: true, memoryBytes });
  const verdicts: Verdict[] = [];
  for (const side of SIDES) {
    const end = world.ends[side];
    const { onEvent } = end;
    end.onEvent = (event) => {
      onEvent(event);
      if (event.type !== 'uplink-parked' && event.type !== 'uplink-unparked') return;
      const { type, uplinkName: uplink, reason } = event;
      verdicts.push({ atMs: world.clock.nowMs, isParked: type === 'uplink-parked', uplink, reason });
    };
  }
  world.connect();
  world.advance(3_000);
  return { world, verdicts };
}

function link(
  name: string,
  downMbit: number,
  roundTripMs: number,
  queueMs: number,
  more: { upMbit?: number; lossPercent?: number } = {},
): UplinkShape {
  const { upMbit = downMbit, lossPercent = 0 } = more;
  const shape = steadyUplink(name, { downMbit, upMbit, roundTripMs, queueMs });
  for (const direction of [shape.up, shape.down]) direction.lossRate = lossPercent / 100;
  return shape;
}

const bulk = download(4_000_000_000);
const bulkUpload: StreamSpec = { ...download(0), client: eager(1_000_000_000) };

const HEALTHY = [
  { name: 'E1, twins', uplinks: [link('a', 20, 40, 100), link('b', 20, 40, 100)], seconds: 20 },
  { name: 'E2, 3G and Wi-Fi', uplinks: [link('wifi', 8, 20, 80), link('umts', 2, 150, 2_000)], seconds: 20 },
  { name: 'E4, fast and asymmetric', uplinks: [link('a', 300, 10, 50), link('b', 80, 30, 50)], seconds: 10 },
  {
    name: 'E5, one good and one bad',
    uplinks: [link('a', 50, 40, 100), link('b', 2, 200, 500)],
    seconds: 20,
  },
  {
    name: 'E6, hybrid access',
    uplinks: [link('dsl', 16, 25, 100, { upMbit: 2 }), link('lte', 40, 50, 200, { upMbit: 15 })],
    seconds: 20,
  },
  { name: 'E7, satellite', uplinks: [link('a', 20, 30, 100), link('b', 25, 600, 300)], seconds: 20 },
  {
    name: 'E8, three cellular',
    uplinks: [
      link('a', 12, 60, 200, { lossPercent: 0.5 }),
      link('b', 9, 80, 300, { lossPercent: 1 }),
      link('c', 5, 110, 400, { lossPercent: 2 }),
    ],
    seconds: 30,
  },
];

describe('no uplink is parked', () => {
  it.each(HEALTHY)('in healthy aggregation: $name', ({ uplinks, seconds }) => {
    const { world, verdicts } = guardedWorld(uplinks);
    world.openStream(bulk);
    world.advance(seconds * 1_000);
    expect(verdicts).toEqual([]);
  });

  it.each(HEALTHY.slice(-2))(
    'in healthy aggregation that is bound by losses: $name',
    ({ uplinks, seconds }) => {
      const { world, verdicts } = guardedWorld(
        uplinks.map((uplink) => ({ ...uplink, congestionControl: 'reno' as const })),
      );
      world.openStream(bulk);
      world.advance(seconds * 1_000);
      expect(verdicts).toEqual([]);
    },
  );

  it('in a healthy upload', () => {
    const { world, verdicts } = guardedWorld(HEALTHY[4]!.uplinks);
    world.openStream(bulkUpload);
    world.advance(20_000);
    expect(verdicts).toEqual([]);
  });

  it('since an application reads slowly', () => {
    const { world, verdicts } = guardedWorld([link('a', 50, 40, 100), link('b', 5, 300, 500)]);
    world.openStream(download(1_000_000_000, { readBytesPerMs: 1_500 }));
    world.advance(30_000);
    expect(verdicts).toEqual([]);
  });

  it('for its radio pauses', () => {
    const { world, verdicts } = guardedWorld([link('a', 20, 40, 100), link('b', 10, 60, 200)]);
    world.openStream(bulk);
    for (let i = 0; i < 6; i++) {
      world.advance(3_000);
      const [connection] = world.uplinks[1]!.connections;
      connection?.stall(SIDES);
      world.advance(600);
      connection?.resume(20);
    }
    expect(verdicts).toEqual([]);
  });
});

/** Receivers with little memory, and an uplink whose delay changes faster than it can be measured. */
const LITTLE_MEMORY = 3_500_000;
const good = link('good', 200, 20, 100);
const moody = link('moody', 20, 40, 2_000);

function makeMoody(world: World): { stop(): void } {
  const { shape } = world.uplinks.find((uplink) => uplink.shape.name === 'moody')!.links.down;
  let isOver = false;
  const flip = () => {
    shape.delayMs = isOver || shape.delayMs > 20 ? 20 : 100;
    if (!isOver) world.clock.after(100, flip);
  };
  flip();
  return {
    stop: () => {
      isOver = true;
    },
  };
}

function rateFor(world: World, ms: number): number {
  const { client } = world.ends;
  const before = client.session.snapshot().statistics.receivedBytes;
  world.advance(ms);
  return megabitsPerSecond(client.session.snapshot().statistics.receivedBytes - before, ms);
}

describe('an uplink that makes the whole slower', () => {
  it('is parked, which makes the whole as fast as the best uplink alone, and is tried again more and more seldom', () => {
    const { world, verdicts } = guardedWorld([good, moody], LITTLE_MEMORY);
    makeMoody(world);
    const run = world.openStream(bulk)!;
    const delivered = () => run.client.receivedBytes;
    world.runUntil(() => verdicts.length > 0, world.clock.nowMs + 30_000);
    expect(verdicts).toMatchObject([{ isParked: true, uplink: 'moody' }]);
    expect(verdicts[0]!.reason).toMatch(
      /^holds up the rest \(in-order rate \d+\.\d of (19|20)\d\.\d Mbit\/s, waiting for it \d+ % of the time\)$/,
    );
    world.advance(1_000);
    const before = delivered();
    world.advance(4_000);
    expect(megabitsPerSecond(delivered() - before, 4_000)).toBeGreaterThan(0.97 * 200);
    world.advance(50_000);
    const parkedForMs = verdicts.flatMap(({ isParked, atMs }, index) => {
      const next = verdicts[index + 1];
      return isParked && next !== undefined ? [next.atMs - atMs] : [];
    });
    expect(parkedForMs.length).toBeGreaterThanOrEqual(2);
    expect(parkedForMs[1]).toBeGreaterThan(parkedForMs[0]! + 4_000);
  });

  it('stays in use once it behaves', () => {
    const { world, verdicts } = guardedWorld([good, moody], LITTLE_MEMORY);
    const mood = makeMoody(world);
    world.openStream(bulk);
    world.runUntil(() => verdicts.length > 0, world.clock.nowMs + 30_000);
    mood.stop();
    world.advance(15_000);
    expect(verdicts.map(({ isParked }) => isParked)).toEqual([true, false]);
    expect(rateFor(world, 10_000)).toBeGreaterThan(0.9 * 220);
    expect(verdicts).toHaveLength(2);
  });

  it('is back at once when the others fail, and nothing is lost', () => {
    const { world, verdicts } = guardedWorld([good, moody], LITTLE_MEMORY);
    const mood = makeMoody(world);
    const run = world.openStream(download(400_000_000))!;
    world.runUntil(() => verdicts.length > 0, world.clock.nowMs + 30_000);
    mood.stop();
    run.client.longestGapMs = 0;
    const [best] = world.uplinks;
    best!.isUp = false;
    for (const connection of best!.connections) connection.sever({ client: 5, concentrator: 5 });
    world.advance(1_500);
    expect(run.client.longestGapMs).toBeLessThan(800);
    expect(verdicts.at(-1)).toMatchObject({ isParked: false, uplink: 'moody', reason: 'nothing else works' });
    best!.isUp = true;
    finishTime(world, run);
    settle(world);
    expect(run.client.receivedBytes).toBe(400_000_000);
  });
});
