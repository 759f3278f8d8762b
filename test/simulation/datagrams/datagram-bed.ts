import { SIDES, type Side, type Uplink, type UplinkShape } from '../network.ts';
import { Random } from '../random.ts';
import { steadyUplink } from '../steady.ts';
import { World } from '../world.ts';
import { FlowMeter, type Pace } from './flow-run.ts';
import { PacketNetwork } from './packet-network.ts';

/** As the benchmark's links: Mbit/s, round trip and queue in milliseconds, loss in percent. */
export function link(
  name: string,
  mbit: number,
  roundTripMs: number,
  queueMs: number,
  lossPercent = 0,
): UplinkShape {
  const shape = steadyUplink(name, { downMbit: mbit, roundTripMs, queueMs });
  const lossRate = lossPercent / 100;
  return { ...shape, up: { ...shape.up, lossRate }, down: { ...shape.down, lossRate } };
}

export const TWIN = [link('a', 20, 40, 100), link('b', 20, 40, 100)];
export const CELLULAR = [
  link('lte-a', 12, 60, 200, 0.5),
  link('lte-b', 9, 80, 300, 1),
  link('lte-c', 5, 110, 400, 2),
];
export const LOSSY = [link('a', 20, 40, 100, 2), link('b', 20, 60, 100, 2)];
export const FIFTEENS = [link('a', 15, 30, 100), link('b', 15, 50, 100)];

/** A pair with connected uplinks, paths that are validated, and nothing under way. */
export class DatagramBed {
  readonly world: World;
  readonly network: PacketNetwork;
  readonly random: Random;

  constructor(shapes: readonly UplinkShape[], seed = 1) {
    this.random = new Random(seed);
    this.world = new World({ seed, uplinks: shapes, measures: true, measureIntervalMs: 5 });
    this.world.connect();
    this.world.advance(1_500);
    this.network = new PacketNetwork(this.world, this.random.fork());
    const { concentrator } = this.world.ends;
    const random = new Random(seed + 1);
    const randomBytes = (count: number) => Uint8Array.from({ length: count }, () => random.integer(0, 255));
    concentrator.input(({ datagrams }) => datagrams.offer(SETUP, randomBytes));
    concentrator.wake();
    this.world.advance(200);
    this.network.addPaths();
    this.world.advance(1_500);
  }

  uplink(name: string): Uplink {
    return this.world.uplinks.find(({ shape }) => shape.name === name)!;
  }

  /** The uplink that carries most in the time that follows. */
  busiest(ms: number): Uplink {
    const carried = () =>
      this.world.uplinks.map(({ links }) => links.up.carriedBytes + links.down.carriedBytes);
    const before = carried();
    this.world.advance(ms);
    const grown = carried().map((bytes, i) => bytes - before[i]!);
    return this.world.uplinks[grown.indexOf(Math.max(...grown))]!;
  }

  /** Radios pause: after any time of `gapMs` each uplink stands still for any of `lengthMs`, for `ms` in all. */
  pauses(ms: number, gapMs: readonly [number, number], lengthMs: readonly [number, number]): void {
    const { clock } = this.world;
    const endMs = clock.nowMs + ms;
    for (const uplink of this.world.uplinks) {
      const begin = () => {
        if (clock.nowMs >= endMs) return;
        this.network.pause(uplink, 'wait');
        clock.after(this.random.between(...lengthMs), () => {
          this.network.resume(uplink);
          clock.after(this.random.between(...gapMs), begin);
        });
      };
      clock.after(this.random.between(...gapMs), begin);
    }
  }

  /** The same as plain UDP over one uplink. */
  plain(uplink: Uplink, paces: Partial<Record<Side, Pace>>, ms: number): Record<Side, FlowMeter> {
    const { clock } = this.world;
    const meters = { client: new FlowMeter(), concentrator: new FlowMeter() };
    const endMs = clock.nowMs + ms;
    for (const side of SIDES) {
      const pace = paces[side];
      if (pace === undefined) continue;
      const send = () => {
        if (clock.nowMs >= endMs) return;
        const index = meters[side].onSent(clock.nowMs);
        this.network.carry(side, uplink, pace.bytes + 28, () => meters[side].onArrived(index, clock.nowMs));
        clock.after(pace.gapMs, send);
      };
      send();
    }
    return meters;
  }
}

const SETUP = {
  port: 443,
  connectionId: new Uint8Array(8),
  secret: new Uint8Array(32),
  maxFlows: 1_024,
  maxAssociations: 256,
};
