import type { VirtualClock } from './clock.ts';
import type { Random } from './random.ts';
import { RetransmissionTimer } from './retransmission-timer.ts';

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
  /** It waits behind a hole, and the sender hears when it is there (SACK). */
  isTold: boolean;
  isDelivered: boolean;
}

const MSS_BYTES = 1460;
const FIRST_WINDOW_BYTES = 10 * MSS_BYTES;
/** RFC 9438 section 4.6. */
const CUBIC_DECREASE = 0.7;

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
  /** The other direction of the connection, whose pauses swallow acknowledgements of this one (`swallow`). */
  reverse: Pipe | undefined;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #options: PipeOptions;
  readonly #timer: RetransmissionTimer;
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
  /** tcpi_delivered: those behind a hole count as well. */
  deliveredPackets = 0;
  /** The longest time from `reappear` until what was swallowed was sent again: the kernel's time-outs, which are not in anybody's hands. */
  longestRepairWaitMs = 0;
  #reappearedMs = 0;
  #smoothedRttMs: number;
  #minRttMs: number;
  /** tcpi_rttvar: the mean deviation. */
  rttDeviationMs = 0;
  #lastArrivalMs = 0;
  #stalledSinceMs: number | undefined;
  #swallows = false;
  /** When what was swallowed is sent again. */
  #sendsAgainAtMs = Number.POSITIVE_INFINITY;
  /** What is sent again, of the bytes to be sent next; it tells no round trip (Karn). */
  #repeatedBytes = 0;
  /** Acknowledgements that were swallowed; the next one covers them. */
  #unheardBytes = 0;
  /** The window that comes back with the first acknowledgement after a time-out, where losses do not bound the rate. */
  #windowBeforeBytes = 0;
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
    this.#timer = new RetransmissionTimer(clock.nowMs);
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
    return this.#unackedBytes + this.#repeatedBytes;
  }

  /** What was never sent. */
  get unsentBytes(): number {
    return this.#unsentBytes - this.#repeatedBytes;
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

  /** Goes on as the link itself does, which had stood still: what waited before the bottleneck passes it now, one after the other. */
  resumeWithLink(): void {
    if (this.#isDead || this.#stalledSinceMs === undefined) return;
    const passedByMs = this.#stalledSinceMs + this.#options.link.shape.delayMs;
    this.#stalledSinceMs = undefined;
    this.#passAnew(passedByMs);
  }

  /** The link is another one now: what has not passed its bottleneck does so as it is now. @param delayMs what it was */
  changeWithLink(delayMs: number): void {
    if (this.#isDead || this.#stalledSinceMs !== undefined) return;
    this.#passAnew(this.#clock.nowMs + delayMs);
  }

  /** What would arrive until `reappear` is lost; so are the acknowledgements that travel this way. */
  swallow(): void {
    this.#swallows = true;
    this.#sendsAgainAtMs = Number.POSITIVE_INFINITY;
    this.stall();
  }

  /** What comes from now on arrives; `repair` is wanted next. */
  reappear(): void {
    if (this.#isDead || !this.#swallows) return;
    this.#stalledSinceMs = undefined;
    this.#swallows = false;
    this.#reappearedMs = this.#clock.nowMs;
  }

  /** The sender finds out, as a kernel does, that something was swallowed, and sends it again. */
  repair(): void {
    if (this.#isDead || this.#stalledSinceMs !== undefined) return;
    const { nowMs } = this.#clock;
    const lost = this.#flight.filter(({ arrivesMs }) => arrivesMs < nowMs).length;
    const next = this.#flight[lost];
    if (lost > 0 && next !== undefined) {
      // What arrives behind a hole tells of it (SACK).
      this.#repairAt(next.arrivesMs + this.#options.back.shape.delayMs, 'sack');
    } else if (lost > 0 || (next === undefined && this.#unheardBytes > 0)) {
      const { atMs, isProbe } = this.#timer.next(nowMs, this.#smoothedRttMs);
      this.#repairAt(atMs, isProbe ? 'probe' : 'timeout');
    } else {
      this.#armArrival();
    }
  }

  /** Never delivers anything again. */
  kill(): void {
    this.#isDead = true;
    this.stall();
    this.#flight = [];
  }

  /** Moves what the congestion window allows on to the bottleneck. */
  #send(): void {
    const { nowMs } = this.#clock;
    while (this.#unsentBytes > 0 && this.#unackedBytes < this.#windowBytes) {
      const packet = this.#cutPacket();
      if (this.#unackedBytes === 0 && this.#repeatedBytes === 0) this.#timer.restart(nowMs);
      this.#unackedBytes += packet.length;
      const sentMs = this.#repeatedBytes > 0 ? Number.NaN : nowMs;
      this.#repeatedBytes = Math.max(0, this.#repeatedBytes - packet.length);
      const ownArrivalMs = this.#arrivalOf(packet.length);
      const arrivesMs = Math.max(this.#lastArrivalMs, ownArrivalMs, this.notBeforeMs);
      const isTold = this.#lastArrivalMs > ownArrivalMs;
      const flight = { bytes: packet, sentMs, arrivesMs, isTold, isDelivered: false };
      this.#lastArrivalMs = arrivesMs;
      this.#flight.push(flight);
      if (isTold) this.#clock.at(ownArrivalMs + this.#options.back.shape.delayMs, () => this.#onSack(flight));
      if (this.#awaitsRepair) this.#repairAt(arrivesMs + this.#options.back.shape.delayMs, 'sack');
    }
    this.#armArrival();
    if (this.#awaitsRoom && this.unsentBytes <= this.#options.sendBufferBytes) {
      this.#awaitsRoom = false;
      this.#clock.after(0, () => this.onRoom());
    }
  }

  /** Whether what arrives now has to wait for what was swallowed before it. */
  get #awaitsRepair(): boolean {
    return this.#sendsAgainAtMs < Number.POSITIVE_INFINITY;
  }

  #repairAt(atMs: number, because: 'sack' | 'probe' | 'timeout'): void {
    if (atMs >= this.#sendsAgainAtMs) return;
    this.#sendsAgainAtMs = atMs;
    this.#clock.at(atMs, () => {
      if (this.#sendsAgainAtMs !== atMs || this.#isDead) return;
      this.#sendsAgainAtMs = Number.POSITIVE_INFINITY;
      if (because !== 'sack') this.#timer.expire(atMs);
      this.longestRepairWaitMs = Math.max(this.longestRepairWaitMs, atMs - this.#reappearedMs);
      if (this.#flight.length > 0) this.#sendAgain(because);
      else this.#clock.after(this.#roundTripMs, () => this.#acknowledge(0, Number.NaN));
    });
  }

  /** All that is under way; a kernel with SACK spares what has arrived behind the hole, which is less than a round trip's. */
  #sendAgain(because: 'sack' | 'probe' | 'timeout'): void {
    const lost = this.#flight.map(({ bytes }) => bytes);
    const lostBytes = lost.reduce((sum, { length }) => sum + length, 0);
    this.#flight = [];
    this.#lastArrivalMs = this.#clock.nowMs;
    this.#unackedBytes -= lostBytes + this.#unheardBytes;
    this.#unheardBytes = 0;
    this.#unsent = [...lost, ...this.#unsent];
    this.#unsentBytes += lostBytes;
    this.#repeatedBytes = lostBytes;
    this.retransmittedPackets += Math.ceil(lostBytes / MSS_BYTES);
    if (because !== 'timeout') {
      if (this.#options.isBoundByLoss) this.#onLoss(this.#roundTripMs, CUBIC_DECREASE);
    } else if (this.#windowBytes > MSS_BYTES) {
      // RFC 9438 section 4.8; BBR comes back to what it had before (draft-cardwell-iccrg-bbr-congestion-control).
      if (this.#options.isBoundByLoss)
        this.#thresholdBytes = Math.max(2 * MSS_BYTES, this.#windowBytes * CUBIC_DECREASE);
      else this.#windowBeforeBytes = this.#windowBytes;
      this.#windowBytes = MSS_BYTES;
    }
    this.#send();
  }

  /** Whether acknowledgements are swallowed. */
  get #isUnheard(): boolean {
    return this.reverse === undefined ? false : this.reverse.#swallows;
  }

  /** What would arrive later passes the bottleneck from now on, one after the other. */
  #passAnew(passedByMs: number): void {
    const { link } = this.#options;
    const { rateBytesPerSecond, delayMs } = link.shape;
    const { nowMs } = this.#clock;
    this.#lastArrivalMs = nowMs;
    for (const packet of this.#flight) {
      if (packet.arrivesMs > passedByMs) {
        packet.isTold = false;
        link.freeAtMs = Math.max(link.freeAtMs, nowMs) + (packet.bytes.length * 1000) / rateBytesPerSecond;
        packet.arrivesMs = link.freeAtMs + delayMs;
      }
      packet.arrivesMs = Math.max(packet.arrivesMs, this.#lastArrivalMs);
      this.#lastArrivalMs = packet.arrivesMs;
    }
    this.#armArrival();
  }

  get #roundTripMs(): number {
    return this.#options.link.shape.delayMs + this.#options.back.shape.delayMs;
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
    return arrivesMs;
  }

  #onSack(flight: Flight): void {
    const passes = this.#stalledSinceMs === undefined && !this.#awaitsRepair;
    if (!passes || this.#isUnheard || !flight.isTold) return;
    this.#lastAckMs = this.#clock.nowMs;
    this.#noteDelivered(flight);
  }

  #noteDelivered(flight: Flight): void {
    if (!flight.isDelivered) this.deliveredPackets += flight.bytes.length / MSS_BYTES;
    flight.isDelivered = true;
  }

  /** Bytes at the bottleneck, of all connections. */
  get #queuedBytes(): number {
    const { link } = this.#options;
    return ((link.freeAtMs - this.#clock.nowMs) * link.shape.rateBytesPerSecond) / 1000;
  }

  #onLoss(roundTripMs: number, decrease = 1 / 2): void {
    if (!this.#options.isBoundByLoss || this.#clock.nowMs < this.#recoversUntilMs) return;
    this.#recoversUntilMs = this.#clock.nowMs + roundTripMs;
    this.#windowBytes = Math.max(2 * MSS_BYTES, this.#windowBytes * decrease);
    this.#thresholdBytes = this.#windowBytes;
  }

  #armArrival(): void {
    if (this.#stalledSinceMs !== undefined || this.#awaitsRepair) return;
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
    if (this.#stalledSinceMs !== undefined || this.#awaitsRepair) return;
    const { nowMs } = this.#clock;
    while (this.#flight.length > 0 && this.#flight[0]!.arrivesMs <= nowMs) {
      const flight = this.#flight.shift()!;
      const { bytes, sentMs } = flight;
      this.#clock.after(this.#options.back.shape.delayMs, () => {
        if (!this.#isUnheard) this.#noteDelivered(flight);
        this.#acknowledge(bytes.length, sentMs);
      });
      this.#deliver(bytes);
    }
    this.#armArrival();
  }

  #acknowledge(arrivedBytes: number, sentMs: number): void {
    if (this.#isUnheard) {
      this.#unheardBytes += arrivedBytes;
      return;
    }
    const bytes = arrivedBytes + this.#unheardBytes;
    this.#unheardBytes = 0;
    const { rateBytesPerSecond, queueBytes } = this.#options.link.shape;
    const pipeBytes = (rateBytesPerSecond * this.#roundTripMs) / 1000;
    this.#unackedBytes -= bytes;
    this.#lastAckMs = this.#clock.nowMs;
    this.#timer.restart(this.#clock.nowMs);
    if (!Number.isNaN(sentMs)) {
      const rttMs = this.#clock.nowMs - sentMs;
      this.rttDeviationMs += (Math.abs(rttMs - this.#smoothedRttMs) - this.rttDeviationMs) / 4;
      this.#smoothedRttMs += (rttMs - this.#smoothedRttMs) / 8;
      this.#minRttMs = Math.min(this.#minRttMs, rttMs);
    }
    this.#windowBytes = Math.max(this.#windowBytes, this.#windowBeforeBytes);
    this.#windowBeforeBytes = 0;
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
