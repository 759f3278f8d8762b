import type { KernelMeasurement } from '../../shared/protocol/kernel-measurement.ts';
import type { VirtualClock } from './clock.ts';
import { Link, type LinkShape, Pipe } from './pipe.ts';
import type { Random } from './random.ts';

export type Side = 'client' | 'concentrator';
export const SIDES = ['client', 'concentrator'] as const;

export function otherSide(side: Side): Side {
  return side === 'client' ? 'concentrator' : 'client';
}

export interface UplinkShape {
  readonly name: string;
  /** client to concentrator */
  readonly up: LinkShape;
  /** concentrator to client */
  readonly down: LinkShape;
  readonly isBackup: boolean;
  /** Of both hosts, as the sessions hear it; with `reno` losses bound the rate. */
  readonly congestionControl?: 'reno' | 'bbr';
  /** Bytes that either kernel accepts beyond its congestion window. */
  readonly sendBufferBytes: number;
  /** How long either kernel waits with bytes unacknowledged before it gives a connection up (TCP_USER_TIMEOUT). */
  readonly userTimeoutMs: number;
  /** So many equal paths, each with these links; the ports of a connection decide which one each direction takes. */
  readonly equalPaths?: number;
}

const DIRECTIONS = [
  ['up', 'client'],
  ['down', 'concentrator'],
] as const;

/** When each end hears of a connection's death; undefined: only from its own kernel's time-out. */
export interface Learning {
  readonly client: number | undefined;
  readonly concentrator: number | undefined;
}

export interface Links {
  readonly up: Link;
  readonly down: Link;
}

/** A network interface of the client, with the way to the concentrator behind it. */
export class Uplink {
  readonly shape: UplinkShape;
  /** Whether a dial can succeed now. */
  #isUp = true;
  #isGone = false;
  readonly connections = new Set<Connection>();
  /** Those of the first path. */
  readonly links: Links;
  readonly paths: readonly Links[];

  constructor(shape: UplinkShape) {
    this.shape = shape;
    this.paths = Array.from({ length: shape.equalPaths ?? 1 }, () => ({
      up: new Link({ ...shape.up }),
      down: new Link({ ...shape.down }),
    }));
    this.links = this.paths[0]!;
  }

  /** Those that the network picks for a connection from some port. */
  pickLinks(random: Random): Links {
    if (this.paths.length === 1) return this.links;
    return { up: random.pick(this.paths).up, down: random.pick(this.paths).down };
  }

  get isUp(): boolean {
    return this.#isUp && !this.#isGone;
  }

  set isUp(isUp: boolean) {
    this.#isUp = isUp;
  }

  /** It never comes up again, whatever is still to happen to it. */
  goForGood(): void {
    this.#isGone = true;
  }

  /** A radio's pause: nothing passes until `resume`. `wait`: packets wait at both ends; `vanish`: they are lost. */
  pause(packets: 'wait' | 'vanish'): void {
    this.isUp = false;
    for (const connection of this.connections) {
      if (packets === 'wait') connection.stall(SIDES);
      else connection.swallow();
    }
  }

  /** Ends a pause of the same kind. */
  resume(packets: 'wait' | 'vanish', nowMs: number): void {
    this.isUp = true;
    for (const link of [this.links.up, this.links.down]) link.freeAtMs = nowMs;
    for (const connection of this.connections) {
      if (packets === 'wait') connection.resumeWithLink();
      else connection.reappear();
    }
  }

  /** From now on each direction is as given, of what is given; what waits at its bottleneck waits at the new one. */
  change(
    changes: { readonly up?: Partial<LinkShape>; readonly down?: Partial<LinkShape> },
    nowMs: number,
  ): void {
    for (const [direction, sender] of DIRECTIONS) {
      const link = this.links[direction];
      const { delayMs } = link.shape;
      Object.assign(link.shape, changes[direction]);
      link.freeAtMs = nowMs;
      for (const { outward } of this.connections) outward[sender].changeWithLink(delayMs);
    }
  }

  get roundTripMs(): number {
    return this.links.up.shape.delayMs + this.links.down.shape.delayMs;
  }
}

/** One simulated TCP connection over an uplink. Each end hears of its end once, through `onClosed`. */
export class Connection {
  readonly uplink: Uplink;
  readonly onClosed: Record<Side, () => void> = { client: () => {}, concentrator: () => {} };
  readonly links: Links;
  /** What each end writes into. */
  readonly outward: Record<Side, Pipe>;
  /** The client has its handshake's answer. */
  isAdmitted = false;
  readonly #clock: VirtualClock;
  readonly #isOpen: Record<Side, boolean> = { client: true, concentrator: true };

  constructor(clock: VirtualClock, random: Random, uplink: Uplink) {
    this.uplink = uplink;
    this.#clock = clock;
    const { sendBufferBytes, congestionControl } = uplink.shape;
    const isBoundByLoss = congestionControl === 'reno';
    this.links = uplink.pickLinks(random);
    const { up, down } = this.links;
    this.outward = {
      client: new Pipe(clock, random, { link: up, back: down, sendBufferBytes, isBoundByLoss }),
      concentrator: new Pipe(clock, random, { link: down, back: up, sendBufferBytes, isBoundByLoss }),
    };
    this.outward.client.reverse = this.outward.concentrator;
    this.outward.concentrator.reverse = this.outward.client;
    for (const side of SIDES) this.outward[side].onEnd = () => this.#hear(otherSide(side));
    uplink.connections.add(this);
  }

  /** What arrives at an end. */
  inward(side: Side): Pipe {
    return this.outward[otherSide(side)];
  }

  isOpenAt(side: Side): boolean {
    return this.#isOpen[side];
  }

  /** An end closes. The other hears it behind the bytes that are under way; with `abort` at once, and those are lost. */
  close(side: Side, how: 'end' | 'abort'): void {
    if (!this.#isOpen[side]) return;
    this.#setClosed(side);
    this.inward(side).kill();
    this.#watchUserTimeout(otherSide(side));
    const outward = this.outward[side];
    if (how === 'end') {
      outward.end();
      return;
    }
    const isReachable = outward.stalledSinceMs === undefined;
    outward.kill();
    // Behind a black hole the reset is lost as well; the other kernel's time-out is left.
    if (isReachable) this.#clock.after(this.#delayMs(side), () => this.#hear(otherSide(side)));
  }

  /** Nothing passes in the given directions until `resume`. */
  stall(sides: readonly Side[]): void {
    for (const side of sides) {
      if (this.outward[side].stalledSinceMs !== undefined) continue;
      this.outward[side].stall();
      this.#watchUserTimeout(side);
    }
  }

  resume(restartMs: number): void {
    for (const side of SIDES) this.outward[side].resume(restartMs);
  }

  /** The link had stood still, and goes on. */
  resumeWithLink(): void {
    for (const side of SIDES) this.outward[side].resumeWithLink();
  }

  /** Packets of both directions are lost from now on, until `reappear`. */
  swallow(): void {
    for (const side of SIDES) {
      this.outward[side].swallow();
      this.#watchUserTimeout(side);
    }
  }

  reappear(): void {
    for (const side of SIDES) this.outward[side].reappear();
    for (const side of SIDES) this.outward[side].repair();
  }

  /** The connection is dead: what is under way is lost. */
  sever(learning: Learning): void {
    for (const side of SIDES) {
      this.outward[side].kill();
      const learnsMs = learning[side];
      if (learnsMs !== undefined) this.#clock.after(learnsMs, () => this.#hear(side));
      this.#watchUserTimeout(side);
    }
  }

  measure(side: Side): KernelMeasurement {
    const pipe = this.outward[side];
    return {
      rttMs: pipe.smoothedRttMs,
      rttVarMs: pipe.rttDeviationMs,
      minRttMs: pipe.minRttMs,
      mssBytes: 1460,
      cwndBytes: pipe.congestionWindowBytes,
      notSentBytes: pipe.unsentBytes,
      unackedBytes: pipe.unackedBytes,
      bytesAcked: 0,
      deliveredPackets: pipe.deliveredPackets,
      deliveryRateBytesPerSecond: 0,
      lastAckReceivedMs: this.#clock.nowMs - pipe.lastAckMs,
      backoff: 0,
      totalRetransmittedPackets: pipe.retransmittedPackets,
      sentPackets: pipe.sentPackets,
    };
  }

  #delayMs(side: Side): number {
    const { up, down } = this.uplink.links;
    return (side === 'client' ? up : down).shape.delayMs;
  }

  #hear(side: Side): void {
    if (!this.#isOpen[side]) return;
    this.#setClosed(side);
    this.inward(side).kill();
    this.outward[side].kill();
    this.#watchUserTimeout(otherSide(side));
    this.onClosed[side]();
  }

  #setClosed(side: Side): void {
    this.#isOpen[side] = false;
    if (!this.#isOpen[otherSide(side)]) this.uplink.connections.delete(this);
  }

  /** An end whose bytes stay unacknowledged hears it from its kernel, some time or other. */
  #watchUserTimeout(side: Side): void {
    const pipe = this.outward[side];
    const { userTimeoutMs } = this.uplink.shape;
    const sinceMs = pipe.stalledSinceMs;
    if (sinceMs === undefined) return;
    const check = () => {
      if (!this.#isOpen[side] || pipe.stalledSinceMs !== sinceMs) return;
      if (pipe.hasPending && this.#clock.nowMs - pipe.lastAckMs >= userTimeoutMs) this.#hear(side);
      else this.#clock.after(1_000, check);
    };
    if (userTimeoutMs < Number.POSITIVE_INFINITY) this.#clock.at(sinceMs + userTimeoutMs, check);
  }
}
