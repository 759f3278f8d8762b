import type { StreamPolicy } from '../../../shared/protocol/steering/steering-policy.ts';
import { otherSide, type Side } from '../network.ts';
import type { World } from '../world.ts';

/** What an application sends at an even pace. */
export interface Pace {
  readonly bytes: number;
  readonly gapMs: number;
}

export const VOICE: Pace = { bytes: 160, gapMs: 20 };
export const GAME: Pace = { bytes: 200, gapMs: 10 };
/** 1 Mbit/s there, 3 Mbit/s back. */
export const VIDEO_CALL_UP: Pace = { bytes: 1_000, gapMs: 8 };
export const VIDEO_CALL_DOWN: Pace = { bytes: 1_100, gapMs: 2.933 };
/** 20 Mbit/s. */
export const VIDEO: Pace = { bytes: 1_200, gapMs: 0.48 };

/** What came of one direction of a flow. */
export interface FlowFigures {
  readonly sent: number;
  readonly lossShare: number;
  /** One-way, milliseconds, of what has arrived. */
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly longestGapMs: number;
  /** Of what has arrived, the share behind which more than three later ones had come before. */
  readonly reorderedShare: number;
}

/** One direction of a flow while it is sent: what arrives, when, and in which order. */
export class FlowMeter {
  readonly #sentMs: number[] = [];
  readonly #delaysMs: number[] = [];
  readonly #seen = new Set<number>();
  #highest = -1;
  #reordered = 0;
  #lastMs: number | undefined;
  #longestGapMs = 0;

  onSent(nowMs: number): number {
    return this.#sentMs.push(nowMs) - 1;
  }

  onArrived(index: number, nowMs: number): void {
    if (this.#seen.has(index)) throw new Error(`datagram ${index} was handed on twice`);
    this.#seen.add(index);
    this.#delaysMs.push(nowMs - this.#sentMs[index]!);
    let overtaken = 0;
    for (let later = index + 1; later <= this.#highest && overtaken <= 3; later++) {
      if (this.#seen.has(later)) overtaken++;
    }
    if (overtaken > 3) this.#reordered++;
    this.#highest = Math.max(this.#highest, index);
    if (this.#lastMs !== undefined) this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  get figures(): FlowFigures {
    const delays = [...this.#delaysMs].sort((a, b) => a - b);
    const at = (share: number) => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))] ?? 0;
    const sent = this.#sentMs.length;
    return {
      sent,
      lossShare: 1 - this.#seen.size / sent,
      p50Ms: at(0.5),
      p95Ms: at(0.95),
      p99Ms: at(0.99),
      longestGapMs: this.#longestGapMs,
      reorderedShare: this.#reordered / Math.max(1, this.#seen.size),
    };
  }
}

/** Of IPv4, UDP, header, tag, and DATAGRAM. */
const ONCE_BYTES = 28 + 32 + 8;

/** One flow of a world, in which either side sends at its pace. */
export class FlowRun {
  readonly meters: Record<Side, FlowMeter> = { client: new FlowMeter(), concentrator: new FlowMeter() };
  readonly id: number;
  /** What one packet for each of its datagrams takes on the wire. */
  onceBytes = 0;
  readonly #world: World;

  /** `meters.client` is what the client sends. */
  constructor(world: World, paces: Partial<Record<Side, Pace>>, ms: number, policy?: StreamPolicy) {
    this.#world = world;
    const { client } = world.ends;
    const associationId = client.input(({ datagrams }) => datagrams.openAssociation());
    const destination = { host: '192.0.2.1', port: 5_000 };
    this.id = client.input(({ datagrams }) => datagrams.openFlow(associationId, destination, policy));
    const endMs = world.clock.nowMs + ms;
    for (const side of ['client', 'concentrator'] as const) {
      const pace = paces[side];
      if (pace !== undefined) this.#begin(side, pace, endMs);
      world.ends[otherSide(side)].onDatagram.set(this.id, (payload) => this.#onDatagram(side, payload));
    }
    // The concentrator hears of the flow from its first datagram.
    if (paces.client === undefined) this.#begin('client', { bytes: 20, gapMs: 1_000 }, endMs);
  }

  #begin(side: Side, { bytes, gapMs }: Pace, endMs: number): void {
    const { clock, ends } = this.#world;
    const end = ends[side];
    const send = () => {
      if (clock.nowMs >= endMs) return;
      const payload = Buffer.alloc(bytes);
      this.onceBytes += bytes + ONCE_BYTES;
      payload.writeUInt32BE(this.meters[side].onSent(clock.nowMs));
      end.input(({ datagrams }) => datagrams.send(this.id, payload));
      end.wake();
      clock.after(gapMs, send);
    };
    clock.after(side === 'client' ? 0 : 200, send);
  }

  #onDatagram(sender: Side, payload: Uint8Array): void {
    const index = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    this.meters[sender].onArrived(index, this.#world.clock.nowMs);
  }
}
