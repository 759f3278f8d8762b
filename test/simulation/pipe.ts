import type { VirtualClock } from './clock.ts';
import type { Random } from './random.ts';

/** One direction of an uplink; all connections on it share the rate. */
export interface LinkShape {
  rateBytesPerSecond: number;
  /** Propagation, one way. */
  delayMs: number;
  /** Each packet is late by up to this much; order is kept. */
  jitterMs: number;
  /** A lost packet holds up all behind it for about a round trip. */
  lossRate: number;
  /** How much the bottleneck queues beyond a full pipe before the sender's congestion window stops growing. */
  queueBytes: number;
}

/** The bottleneck of one direction of an uplink. */
export class Link {
  readonly shape: LinkShape;
  /** When the bottleneck has sent all that it was given. */
  freeAtMs = 0;
  /** All that it ever was given. */
  carriedBytes = 0;

  constructor(shape: LinkShape) {
    this.shape = shape;
  }
}

export interface PipeOptions {
  readonly link: Link;
  /** Where acknowledgements travel. */
  readonly back: Link;
  /** Bytes that the kernel accepts beyond its congestion window (TCP_NOTSENT_LOWAT). */
  readonly sendBufferBytes: number;
  /** Each loss halves the congestion window, which then grows by a segment a round trip (Reno), as CUBIC at home does. */
  readonly isBoundByLoss: boolean;
}

interface Flight {
  readonly bytes: Uint8Array;
  readonly sentMs: number;
  arrivesMs: number;
}

const MSS_BYTES = 1460;
const FIRST_WINDOW_BYTES = 10 * MSS_BYTES;

/**
 * One direction of a simulated TCP connection: reliable, ordered, with slow start, a bottleneck, propagation, stalls.
 * Bytes are copied when written, as a kernel does, and cut anew on arrival.
 */
export class Pipe {
  /** Bytes arrived. */
  onBytes: (bytes: Uint8Array) => void = () => {};
  /** All that was written has arrived, and the writer had closed. */
  onEnd: () => void = () => {};
  /** The last write is in the kernel. */
  onRoom: () => void = () => {};
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #options: PipeOptions;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #flight: Flight[] = [];
  #unackedBytes = 0;
  #windowBytes = FIRST_WINDOW_BYTES;
  #lastAckMs = 0;
  #thresholdBytes = Number.POSITIVE_INFINITY;
  #recoversUntilMs = 0;
  sentPackets = 0;
  retransmittedPackets = 0;
  #smoothedRttMs: number;
  #minRttMs: number;
  #lastArrivalMs = 0;
  #stalledSinceMs: number | undefined;
  #isDead = false;
  #awaitsRoom = false;
  #endsAfterFlight = false;
  #armedForMs = Number.POSITIVE_INFINITY;
  /** Nothing arrives before; the handshake's answer goes first. */
  notBeforeMs = 0;

  constructor(clock: VirtualClock, random: Random, options: PipeOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#options = options;
    this.#lastAckMs = clock.nowMs;
    // The TCP handshake was the first sample.
    this.#smoothedRttMs = options.link.shape.delayMs + options.back.shape.delayMs;
    this.#minRttMs = this.#smoothedRttMs;
  }

  /** Smoothed as the kernel does (RFC 6298), the bottleneck's queue included. */
  get smoothedRttMs(): number {
    return this.#smoothedRttMs;
  }

  get minRttMs(): number {
    return this.#minRttMs;
  }

  get congestionWindowBytes(): number {
    return this.#windowBytes;
  }

  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  get lastAckMs(): number {
    return this.#lastAckMs;
  }

  get hasPending(): boolean {
    return this.#unackedBytes > 0 || this.#unsentBytes > 0;
  }

  /** Since when nothing has arrived any more; undefined while the pipe works. */
  get stalledSinceMs(): number | undefined {
    return this.#stalledSinceMs;
  }

  /** Takes all at once; `onRoom` says when the next write may come. */
  write(buffers: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(buffers);
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    this.#awaitsRoom = true;
    this.#send();
  }

  /** The writer closes in good order: what was written still arrives, then `onEnd`. */
  end(): void {
    this.#endsAfterFlight = true;
    this.#armArrival();
  }

  /** Nothing arrives until `resume`: a black hole, or a radio pause. */
  stall(): void {
    this.#stalledSinceMs ??= this.#clock.nowMs;
  }

  /** Goes on after `restartMs`, when the sender's retransmission timer fires. */
  resume(restartMs: number): void {
    if (this.#isDead || this.#stalledSinceMs === undefined) return;
    this.#stalledSinceMs = undefined;
    const first = this.#flight[0];
    const startMs = this.#clock.nowMs + restartMs + this.#options.link.shape.delayMs;
    const shiftMs = first === undefined ? 0 : Math.max(0, startMs - first.arrivesMs);
    for (const packet of this.#flight) packet.arrivesMs += shiftMs;
    this.#lastArrivalMs += shiftMs;
    this.#armArrival();
  }

  /** Never delivers anything again. */
  kill(): void {
    this.#isDead = true;
    this.stall();
    this.#flight = [];
  }

  /** Moves what the congestion window allows on to the bottleneck. */
  #send(): void {
    while (this.#unsentBytes > 0 && this.#unackedBytes < this.#windowBytes) {
      const packet = this.#cutPacket();
      this.#unackedBytes += packet.length;
      this.#flight.push({
        bytes: packet,
        sentMs: this.#clock.nowMs,
        arrivesMs: this.#arrivalOf(packet.length),
      });
    }
    this.#armArrival();
    if (this.#awaitsRoom && this.#unsentBytes <= this.#options.sendBufferBytes) {
      this.#awaitsRoom = false;
      this.#clock.after(0, () => this.onRoom());
    }
  }

  #cutPacket(): Uint8Array {
    const { rateBytesPerSecond } = this.#options.link.shape;
    const most = Math.max(MSS_BYTES, Math.min(16 * 1024, Math.floor(rateBytesPerSecond / 1000)));
    const first = this.#unsent[0]!;
    const packet = first.subarray(0, most);
    if (packet.length === first.length) this.#unsent.shift();
    else this.#unsent[0] = first.subarray(most);
    this.#unsentBytes -= packet.length;
    return packet;
  }

  #arrivalOf(bytes: number): number {
    const { link, back } = this.#options;
    const { rateBytesPerSecond, delayMs, jitterMs, lossRate, queueBytes } = link.shape;
    link.carriedBytes += bytes;
    link.freeAtMs = Math.max(link.freeAtMs, this.#clock.nowMs) + (bytes * 1000) / rateBytesPerSecond;
    let arrivesMs = link.freeAtMs + delayMs + this.#random.between(0, jitterMs);
    const packets = Math.ceil(bytes / MSS_BYTES);
    this.sentPackets += packets;
    const lossChance = 1 - (1 - lossRate) ** packets;
    const overflows = this.#options.isBoundByLoss && this.#queuedBytes > queueBytes;
    if (this.#random.chance(lossChance) || overflows) {
      const roundTripMs = delayMs + back.shape.delayMs;
      arrivesMs += this.#random.between(1, 1.5) * roundTripMs;
      this.retransmittedPackets++;
      this.#onLoss(roundTripMs);
    }
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, arrivesMs, this.notBeforeMs);
    return this.#lastArrivalMs;
  }

  /** Bytes at the bottleneck, of all connections. */
  get #queuedBytes(): number {
    const { link } = this.#options;
    return ((link.freeAtMs - this.#clock.nowMs) * link.shape.rateBytesPerSecond) / 1000;
  }

  #onLoss(roundTripMs: number): void {
    if (!this.#options.isBoundByLoss) {
      this.#windowBytes = Math.max(FIRST_WINDOW_BYTES, this.#windowBytes * 0.7);
      return;
    }
    if (this.#clock.nowMs < this.#recoversUntilMs) return;
    this.#recoversUntilMs = this.#clock.nowMs + roundTripMs;
    this.#windowBytes = Math.max(2 * MSS_BYTES, this.#windowBytes / 2);
    this.#thresholdBytes = this.#windowBytes;
  }

  #armArrival(): void {
    if (this.#stalledSinceMs !== undefined) return;
    const first = this.#flight[0];
    if (first === undefined) {
      if (this.#endsAfterFlight && this.#unsentBytes === 0) this.#arriveEnd();
      return;
    }
    if (first.arrivesMs >= this.#armedForMs) return;
    this.#armedForMs = first.arrivesMs;
    this.#clock.at(first.arrivesMs, () => {
      this.#armedForMs = Number.POSITIVE_INFINITY;
      this.#arrive();
    });
  }

  #arriveEnd(): void {
    this.#endsAfterFlight = false;
    this.#clock.after(this.#options.link.shape.delayMs, () => {
      if (this.#stalledSinceMs === undefined) this.onEnd();
      else if (!this.#isDead) this.#endsAfterFlight = true;
    });
  }

  #arrive(): void {
    if (this.#stalledSinceMs !== undefined) return;
    const { nowMs } = this.#clock;
    while (this.#flight.length > 0 && this.#flight[0]!.arrivesMs <= nowMs) {
      const { bytes, sentMs } = this.#flight.shift()!;
      this.#clock.after(this.#options.back.shape.delayMs, () => this.#acknowledge(bytes.length, sentMs));
      this.#deliver(bytes);
    }
    this.#armArrival();
  }

  #acknowledge(bytes: number, sentMs: number): void {
    const { link, back } = this.#options;
    const { rateBytesPerSecond, delayMs, queueBytes } = link.shape;
    const pipeBytes = (rateBytesPerSecond * (delayMs + back.shape.delayMs)) / 1000;
    this.#unackedBytes -= bytes;
    this.#lastAckMs = this.#clock.nowMs;
    const rttMs = this.#clock.nowMs - sentMs;
    this.#smoothedRttMs += (rttMs - this.#smoothedRttMs) / 8;
    this.#minRttMs = Math.min(this.#minRttMs, rttMs);
    const most = Math.max(FIRST_WINDOW_BYTES, pipeBytes + queueBytes);
    const isSlowStart = this.#windowBytes < this.#thresholdBytes;
    const growthBytes = isSlowStart ? bytes : (MSS_BYTES * bytes) / this.#windowBytes;
    this.#windowBytes = Math.min(this.#windowBytes + growthBytes, most);
    if (!this.#isDead) this.#send();
  }

  /** Hands the bytes on whole, or in pieces of any size. */
  #deliver(bytes: Uint8Array): void {
    if (!this.#random.chance(0.1)) {
      this.onBytes(bytes);
      return;
    }
    let offset = 0;
    while (offset < bytes.length && !this.#isDead) {
      const end = Math.min(bytes.length, offset + Math.ceil(this.#random.logBetween(1, bytes.length + 1)));
      this.onBytes(bytes.subarray(offset, end));
      offset = end;
    }
  }
}
