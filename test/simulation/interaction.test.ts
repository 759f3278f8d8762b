import fc from 'fast-check';
import { describe, it } from 'vitest';
import type { SteeringPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { finish, settle } from './invariants.ts';
import { SIDES } from './network.ts';
import { MODES } from './policies.ts';
import { download, eager, steadyUplink } from './steady.ts';
import { World } from './world.ts';

/** One thing that happens to a running pair of sessions. */
type Operation =
  | { readonly kind: 'open-stream'; readonly up: number; readonly down: number; readonly slowly: boolean }
  | { readonly kind: 'reset-stream'; readonly index: number; readonly byOrigin: boolean }
  | { readonly kind: 'open-path'; readonly mbit: number; readonly roundTripMs: number; readonly loss: number }
  | {
      readonly kind: 'kill-path';
      readonly index: number;
      readonly client?: number;
      readonly concentrator?: number;
    }
  | { readonly kind: 'stall-path'; readonly index: number; readonly forMs: number; readonly oneWay: boolean }
  | { readonly kind: 'slow-path'; readonly index: number; readonly factor: number; readonly delayMs: number }
  | { readonly kind: 'doubt-path'; readonly index: number; readonly byOrigin: boolean }
  | { readonly kind: 'want-subflows'; readonly index: number; readonly count: number }
  | { readonly kind: 'steer-stream'; readonly index: number; readonly policy: SteeringPolicy }
  | { readonly kind: 'set-backup'; readonly index: number; readonly isBackup: boolean }
  | { readonly kind: 'advance'; readonly ms: number };

const LINGER_MS = 60_000;
const MOST_PATHS = 5;
const index = fc.nat(20);
const learning = fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined });

const uplinkNames = fc.uniqueArray(fc.constantFrom('wan0', 'wan1', 'wan2', 'wan3', 'wan4'));
/** Bound to uplinks only where the first, that is always there, is one of them. */
const policy: fc.Arbitrary<SteeringPolicy> = fc.record(
  {
    mode: fc.constantFrom(...MODES),
    only: uplinkNames.map((names) => [...new Set([...names, 'wan0'])]),
    order: uplinkNames,
    weights: fc.dictionary(fc.constantFrom('wan0', 'wan1', 'wan2', 'wan9'), fc.nat(10)),
    maxRttMs: fc.integer({ min: 1, max: 1_000 }),
    maxLoss: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  { requiredKeys: ['mode'] },
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant('open-stream' as const),
    up: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(100_000)),
    down: fc.oneof(fc.constant(0), fc.nat(3_000), fc.nat(300_000)),
    slowly: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('reset-stream' as const), index, byOrigin: fc.boolean() }),
  fc.record({
    kind: fc.constant('open-path' as const),
    mbit: fc.double({ min: 0.5, max: 300, noNaN: true }),
    roundTripMs: fc.integer({ min: 1, max: 600 }),
    loss: fc.double({ min: 0, max: 0.02, noNaN: true }),
  }),
  fc.record({ kind: fc.constant('kill-path' as const), index, client: learning, concentrator: learning }),
  fc.record({
    kind: fc.constant('stall-path' as const),
    index,
    forMs: fc.integer({ min: 10, max: 15_000 }),
    oneWay: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('slow-path' as const),
    index,
    factor: fc.double({ min: 0.1, max: 10, noNaN: true }),
    delayMs: fc.integer({ min: 1, max: 500 }),
  }),
  fc.record({ kind: fc.constant('doubt-path' as const), index, byOrigin: fc.boolean() }),
  fc.record({ kind: fc.constant('want-subflows' as const), index, count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('steer-stream' as const), index, policy }),
  fc.record({ kind: fc.constant('set-backup' as const), index, isBackup: fc.boolean() }),
  fc.record({ kind: fc.constant('advance' as const), ms: fc.oneof(fc.nat(20), fc.nat(500), fc.nat(5_000)) }),
) as fc.Arbitrary<Operation>;

function pick<Item>(items: readonly Item[], at: number): Item | undefined {
  return items[at % Math.max(1, items.length)];
}

function apply(world: World, step: Operation): void {
  const connections = world.uplinks.flatMap((uplink) => [...uplink.connections]);
  switch (step.kind) {
    case 'open-stream': {
      const reader = step.slowly ? { readBytesPerMs: 50 } : {};
      world.openStream({ ...download(step.down), client: eager(step.up, reader) });
      break;
    }
    case 'reset-stream': {
      const run = pick([...world.streams.values()], step.index);
      const application = step.byOrigin && run?.isRequested === true ? run.origin : run?.client;
      if (run === undefined) break;
      run.mayFail = true;
      application?.reset('cancelled');
      break;
    }
    case 'open-path': {
      if (world.uplinks.length >= MOST_PATHS) break;
      const shape = steadyUplink(`wan${world.uplinks.length}`, {
        downMbit: step.mbit,
        roundTripMs: step.roundTripMs,
      });
      shape.down.lossRate = step.loss;
      world.addUplink(shape);
      break;
    }
    case 'kill-path':
      pick(connections, step.index)?.sever({ client: step.client, concentrator: step.concentrator });
      break;
    case 'stall-path': {
      const connection = pick(connections, step.index);
      connection?.stall(step.oneWay ? [SIDES[step.index % 2]!] : SIDES);
      world.clock.after(step.forMs, () => connection?.resume(50));
      break;
    }
    case 'slow-path': {
      const shape = pick(world.uplinks, step.index)?.links.down.shape;
      if (shape === undefined) break;
      shape.rateBytesPerSecond = Math.max(30_000, shape.rateBytesPerSecond * step.factor);
      shape.delayMs = step.delayMs;
      break;
    }
    case 'doubt-path': {
      const end = world.ends[step.byOrigin ? 'concentrator' : 'client'];
      const id = pick(end.subflowIds, step.index);
      if (id !== undefined) end.input(({ subflows }) => subflows.doubt(id, 'its interface is down'));
      end.wake();
      break;
    }
    case 'want-subflows': {
      const name = pick(world.uplinks, step.index)?.shape.name;
      if (name !== undefined) world.paths.want(name, step.count);
      world.ends.client.wake();
      break;
    }
    case 'steer-stream': {
      const id = pick([...world.streams.keys()], step.index);
      if (id !== undefined) world.steer(id, step.policy);
      break;
    }
    case 'set-backup': {
      const subflow = pick(world.ends.client.session.snapshot().subflows, step.index);
      if (subflow !== undefined) {
        world.ends.client.input(({ subflows }) => subflows.setBackup(subflow.id, step.isBackup));
      }
      world.ends.client.wake();
      break;
    }
    case 'advance':
      world.advance(step.ms);
      break;
  }
}

describe('any sequence of operations', () => {
  it('leaves everything that must hold', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.array(operation, { maxLength: 40 }), (seed, operations) => {
        const world = new World({ seed, uplinks: [steadyUplink('wan0', { downMbit: 10, roundTripMs: 50 })] });
        world.connect();
        for (const step of operations) apply(world, step);
        // The longest stall is over by then.
        world.advance(16_000);
        settle(world);
        finish(world, LINGER_MS);
      }),
      { numRuns: 200, seed: 20_261_123 },
    );
  });
});
