import type { OutgoingPacket } from '../../../shared/protocol/datagram/datagram-commands.ts';
import type { VirtualClock } from '../clock.ts';
import { otherSide, type Side, type Uplink } from '../network.ts';
import type { Link } from '../pipe.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';

/** Of IPv4, UDP, header and tag. */
const OVERHEAD_BYTES = 28 + 16 + 16;

/** Nothing passes: packets wait at the bottleneck, as far as its queue holds them, or are lost. */
type Pause = 'wait' | 'vanish';

interface Waiting {
  readonly bytes: number;
  readonly arrive: () => void;
}

/** Carries the packets of a world's datagram planes over the links of its uplinks, which its TCP connections use as well. */
export class PacketNetwork {
  /** Bytes that the ends have sent as UDP, on the wire. */
  sentBytes = 0;
  readonly #world: World;
  readonly #random: Random;
  readonly #uplinks = new Map<number, Uplink>();
  readonly #pauses = new Map<Uplink, Pause>();
  readonly #waiting = new Map<Link, Waiting[]>();
  /** Of each link the last arrival: order is kept. */
  readonly #lastMs = new Map<Link, number>();
  readonly #blocked = new Set<Uplink>();

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    for (const side of ['client', 'concentrator'] as const) {
      world.ends[side].onPackets = (packets) => {
        for (const packet of packets) this.#send(side, packet);
      };
    }
  }

  /** The client has a socket on each uplink. */
  addPaths(): void {
    const { client } = this.#world.ends;
    for (const uplink of this.#world.uplinks) {
      const path = client.input(({ datagrams }) => datagrams.addPath(uplink.shape.name))!;
      this.#uplinks.set(path, uplink);
    }
    client.wake();
  }

  /** UDP does not pass on it, though TCP does. */
  block(uplink: Uplink): void {
    this.#blocked.add(uplink);
  }

  pause(uplink: Uplink, how: Pause): void {
    uplink.pause(how);
    this.#pauses.set(uplink, how);
  }

  resume(uplink: Uplink): void {
    const how = this.#pauses.get(uplink);
    if (how === undefined) return;
    this.#pauses.delete(uplink);
    uplink.resume(how, this.#clock.nowMs);
    for (const link of [uplink.links.up, uplink.links.down]) {
      const waiting = this.#waiting.get(link) ?? [];
      this.#waiting.delete(link);
      for (const one of waiting) this.#pass(uplink, link, one);
    }
  }

  /** What travels there arrives after so long at the earliest, all at once. */
  hold(link: Link, ms: number): void {
    this.#lastMs.set(link, Math.max(this.#clock.nowMs + ms, this.#lastMs.get(link) ?? 0));
  }

  get #clock(): VirtualClock {
    return this.#world.clock;
  }

  #send(side: Side, { epoch, path, counter, head, payload }: OutgoingPacket): void {
    const uplink = this.#uplinks.get(path)!;
    const message = Buffer.concat([head, payload]);
    this.sentBytes += message.length + OVERHEAD_BYTES;
    if (this.#blocked.has(uplink)) return;
    const peer = this.#world.ends[otherSide(side)];
    const packet = { epoch, path, counter, message, packetBytes: message.length + 32, isMoved: false };
    this.carry(side, uplink, message.length + OVERHEAD_BYTES, () => {
      peer.input(({ datagrams }) => datagrams.receive(packet));
      peer.wake();
    });
  }

  /** A packet of anybody's. @param bytes on the wire */
  carry(side: Side, uplink: Uplink, bytes: number, arrive: () => void): void {
    const link = side === 'client' ? uplink.links.up : uplink.links.down;
    const queuedBytes = ((link.freeAtMs - this.#clock.nowMs) * link.shape.rateBytesPerSecond) / 1000;
    if (queuedBytes <= link.shape.queueBytes) this.#pass(uplink, link, { bytes, arrive });
  }

  /** Through the bottleneck, and on. */
  #pass(uplink: Uplink, link: Link, packet: Waiting): void {
    const { nowMs } = this.#clock;
    const { rateBytesPerSecond, delayMs, jitterMs, lossRate } = link.shape;
    link.freeAtMs = Math.max(link.freeAtMs, nowMs) + (packet.bytes * 1000) / rateBytesPerSecond;
    link.carriedBytes += packet.bytes;
    const isLost = this.#random.chance(lossRate);
    this.#clock.at(link.freeAtMs, () => {
      const pause = this.#pauses.get(uplink);
      if (pause === 'wait') this.#wait(link, packet);
      if (pause !== undefined || isLost) return;
      const arrivesMs = this.#clock.nowMs + delayMs + this.#random.between(0, jitterMs);
      const inOrderMs = Math.max(arrivesMs, this.#lastMs.get(link) ?? 0);
      this.#lastMs.set(link, inOrderMs);
      this.#clock.at(inOrderMs, packet.arrive);
    });
  }

  #wait(link: Link, packet: Waiting): void {
    const waiting = this.#waiting.get(link) ?? [];
    this.#waiting.set(link, waiting);
    const queuedBytes = waiting.reduce((sum, { bytes }) => sum + bytes, 0);
    if (queuedBytes <= link.shape.queueBytes) waiting.push(packet);
  }
}
