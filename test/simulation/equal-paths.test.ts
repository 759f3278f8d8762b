import { describe, expect, it } from 'vitest';
import { NO_LIMIT } from '../../shared/protocol/uplink/rate-limit.ts';
import type { Side } from './network.ts';
import { download, eager, steadyUplink } from './steady.ts';
import { type StreamSpec, World } from './world.ts';

const PATH_MBIT = 5;
const upload: StreamSpec = { ...download(0), client: eager(1_000_000_000) };
/** What a concentrator takes in a session, less the one that is kept for a silent one. */
const ROOM = 31;

/** A world whose client keeps so many subflows on one uplink over so many equal paths, all up and idle. */
function worldWith(paths: number, subflows: number, seed: number): World {
  const shape = {
    ...steadyUplink('fabric', { downMbit: PATH_MBIT, roundTripMs: 2, queueMs: 50 }),
    congestionControl: 'reno',
    equalPaths: paths,
  } as const;
  const world = new World({ seed, uplinks: [shape], measures: true });
  world.connect();
  world.advance(500);
  world.ends.client.input(({ uplinks }) => uplinks.searchPaths('fabric', subflows, ROOM));
  world.paths.want('fabric', subflows);
  world.advance(1_500);
  return world;
}

/** What arrives at an end in so many milliseconds, over what the paths can carry. */
function share(world: World, side: Side, paths: number, ms: number): number {
  const read = () => world.ends[side].session.snapshot().statistics.receivedBytes;
  const before = read();
  world.advance(ms);
  return ((read() - before) * 8) / ms / 1000 / (paths * PATH_MBIT);
}

/** Paths that carry a subflow in the direction to an end. */
function pathsTo(world: World, side: Side): number {
  const direction = side === 'client' ? 'down' : 'up';
  return new Set([...world.uplinks[0]!.connections].map(({ links }) => links[direction])).size;
}

function subflowCount(world: World): number {
  return world.ends.client.session.snapshot().subflows.filter(({ duty }) => duty !== 'retiring').length;
}

describe('subflows of one uplink over equal paths, of which the network picks one by the ports', () => {
  it.each([
    { paths: 8, subflows: 8, seeds: [1, 2, 3], spec: upload, receiver: 'concentrator' },
    { paths: 8, subflows: 8, seeds: [5, 6], spec: download(1_000_000_000), receiver: 'client' },
    { paths: 2, subflows: 2, seeds: [5, 6, 8, 9], spec: upload, receiver: 'concentrator' },
    { paths: 4, subflows: 4, seeds: [1, 3], spec: upload, receiver: 'concentrator' },
  ] as const)('$subflows fill $paths to 0.95 within ten seconds, to the $receiver', (one) => {
    const { paths, subflows, seeds, spec, receiver } = one;
    const figures = seeds.map((seed) => {
      const world = worldWith(paths, subflows, seed);
      world.openStream(spec);
      const before = share(world, receiver, paths, 400);
      world.advance(9_600);
      return { seed, before, after: share(world, receiver, paths, 1_000), met: pathsTo(world, receiver) };
    });
    console.log(
      figures
        .map(({ before, after, met }) => `${before.toFixed(2)} to ${after.toFixed(2)} (${met})`)
        .join(', '),
    );
    for (const { seed, after } of figures) expect(after, `seed ${seed}`).toBeGreaterThan(0.95);
  });

  it('are as many as before in the end, and stay', () => {
    const world = worldWith(8, 8, 7);
    world.openStream(upload);
    world.advance(15_000);
    expect([subflowCount(world), pathsTo(world, 'concentrator')]).toEqual([8, 8]);
    const { searches } = world;
    world.advance(10_000);
    expect(world.searches).toBe(searches);
  });

  it.each([
    { why: 'there is one path', paths: 1, subflows: 4 },
    { why: 'there are more paths than subflows', paths: 32, subflows: 4 },
  ])('lose nothing by the search where $why, and it ends', ({ paths, subflows }) => {
    const world = worldWith(paths, subflows, 3);
    world.openStream(upload);
    world.advance(1_000);
    const least = Math.min(paths, 3);
    const shares = Array.from({ length: 10 }, () => share(world, 'concentrator', least, 1_000));
    expect(Math.min(...shares)).toBeGreaterThan(0.9);
    world.advance(14_000);
    const { searches } = world;
    world.advance(10_000);
    expect([subflowCount(world), world.searches]).toEqual([subflows, searches]);
  });

  it.each([
    {
      why: 'little is sent',
      spec: { ...upload, client: eager(1_000_000, { chunkBytes: 2_000, writePauseMs: 20 }) },
    },
    { why: 'the uplink costs by the byte', spec: upload, isMetered: true },
  ])('are left as they are where $why', ({ spec, isMetered = false }) => {
    const world = worldWith(8, 4, 1);
    world.ends.client.input(({ uplinks }) => uplinks.limitRate('fabric', { ...NO_LIMIT, isMetered }));
    world.openStream(spec);
    world.advance(5_000);
    expect(world.searches).toBe(0);
  });

  it('are as many as configured again when the uplink comes to cost by the byte in the middle of a search', () => {
    const world = worldWith(8, 4, 1);
    world.openStream(upload);
    while (subflowCount(world) <= 4) world.advance(20);
    world.ends.client.input(({ uplinks }) => uplinks.limitRate('fabric', { ...NO_LIMIT, isMetered: true }));
    world.advance(1_000);
    expect(subflowCount(world)).toBe(4);
    world.ends.client.input(({ uplinks }) => uplinks.limitRate('fabric', NO_LIMIT));
    const { searches } = world;
    world.advance(3_000);
    expect(world.searches).toBeGreaterThan(searches);
  });
});
