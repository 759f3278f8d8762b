import type { VirtualClock } from '../clock.ts';

/** UDP payload of a full packet, as QUIC begins with where it has found out nothing else. */
export const QUIC_PACKET_BYTES = 1_252;
const INITIAL_PACKETS = 32;
const LEAST_WINDOW_PACKETS = 2;
/** What is left of the window after a loss: as two connections would (quic-go, Chromium). */
const LOSS_SHARE = 0.7;
const PACING_GAIN = 1.25;
const BURST_PACKETS = 10;
/** RFC 9002, section 6.1. */
const PACKET_THRESHOLD = 3;
const TIME_THRESHOLD = 9 / 8;
const INITIAL_RTT_MS = 100;
/** RFC 9002, section 6.1.2. */
const LEAST_TIMER_MS = 1;
/** HyStart: slow start ends when the first round trips of a round are longer than the shortest of all by an eighth, within bounds. */
const HYSTART = { samples: 8, leastPackets: 16, share: 1 / 8, leastMs: 4, mostMs: 16 } as const;

/** What an acknowledgement says: ranges that have come, the highest first, and how long it was held back. */
export interface QuicAck {
  readonly ranges: readonly (readonly [low: number, high: number])[];
  readonly delayMs: number;
}

/**
 * Sends without end as QUIC does: New Reno with pacing and HyStart, loss by packet and time thresholds (RFC 9002; quic-go, which Caddy
 * serves HTTP/3 with). Reordering of more than three packets is taken for loss.
 */
export class QuicSender {
  lostPackets = 0;
  /** Taken for lost, and acknowledged later. */
  spuriousPackets = 0;
  /** When slow start ended, and with what window. */
  slowStartEnd:
    | { readonly atMs: number; readonly packets: number; readonly by: 'delay' | 'loss' }
    | undefined;
  smoothedMs = INITIAL_RTT_MS;
  windowPackets = INITIAL_PACKETS;
  readonly #clock: VirtualClock;
  readonly #transmit: (packet: number) => void;
  /** When each was sent. */
  readonly #inFlight = new Map<number, number>();
  readonly #lost = new Set<number>();
  #next = 0;
  #largestAcked = -1;
  #minMs = Number.POSITIVE_INFINITY;
  #varianceMs = INITIAL_RTT_MS / 2;
  #latestMs = INITIAL_RTT_MS;
  #slowStartUntil = Number.POSITIVE_INFINITY;
  #reducedAt = -1;
  #ackedInRound = 0;
  #round = { endsAt: -1, samples: 0, minMs: Number.POSITIVE_INFINITY };
  #credit = { packets: BURST_PACKETS, atMs: 0 };
  #timer = 0;
  #isWaiting = false;
  #timeouts = 0;

  constructor(clock: VirtualClock, transmit: (packet: number) => void) {
    this.#clock = clock;
    this.#transmit = transmit;
    this.#credit.atMs = clock.nowMs;
  }

  start(): void {
    this.#sendAll();
  }

  onAck({ ranges, delayMs }: QuicAck): void {
    const largest = ranges[0]![1];
    const newestMs = this.#inFlight.get(largest);
    const acked: number[] = [];
    for (const [low, high] of ranges)
      for (let packet = low; packet <= high; packet++) {
        if (this.#inFlight.delete(packet)) acked.push(packet);
        else if (this.#lost.delete(packet)) this.spuriousPackets++;
      }
    if (acked.length === 0) return;
    const isLimited = this.#inFlight.size + acked.length >= this.windowPackets - BURST_PACKETS;
    if (newestMs !== undefined && largest > this.#largestAcked)
      this.#onRoundTrip(this.#clock.nowMs - newestMs, delayMs);
    this.#largestAcked = Math.max(this.#largestAcked, largest);
    this.#timeouts = 0;
    this.#detectLoss();
    if (largest > this.#round.endsAt)
      this.#round = { endsAt: this.#next - 1, samples: 0, minMs: Number.POSITIVE_INFINITY };
    for (const packet of acked) if (packet > this.#reducedAt && isLimited) this.#grow();
    this.#sendAll();
  }

  #grow(): void {
    if (this.windowPackets < this.#slowStartUntil) {
      this.windowPackets++;
      return;
    }
    this.#ackedInRound++;
    if (this.#ackedInRound < this.windowPackets) return;
    this.#ackedInRound = 0;
    this.windowPackets++;
  }

  #onRoundTrip(ms: number, delayMs: number): void {
    this.#minMs = Math.min(this.#minMs, ms);
    this.#latestMs = ms - delayMs >= this.#minMs ? ms - delayMs : ms;
    this.#varianceMs += (Math.abs(this.smoothedMs - this.#latestMs) - this.#varianceMs) / 4;
    this.smoothedMs =
      this.#largestAcked < 0 ? this.#latestMs : this.smoothedMs + (this.#latestMs - this.smoothedMs) / 8;
    this.#hystart();
  }

  #hystart(): void {
    if (this.windowPackets >= this.#slowStartUntil) return;
    const round = this.#round;
    const { samples, leastPackets, share, leastMs, mostMs } = HYSTART;
    if (++round.samples > samples) return;
    round.minMs = Math.min(round.minMs, this.#latestMs);
    if (round.samples < samples || this.windowPackets < leastPackets) return;
    const moreMs = Math.min(mostMs, Math.max(leastMs, share * this.#minMs));
    if (round.minMs > this.#minMs + moreMs) this.#endSlowStart('delay', this.windowPackets);
  }

  #endSlowStart(by: 'delay' | 'loss', packets: number): void {
    this.#slowStartUntil = packets;
    this.slowStartEnd ??= { atMs: this.#clock.nowMs, packets, by };
  }

  #detectLoss(): void {
    const { nowMs } = this.#clock;
    const lostAfterMs = TIME_THRESHOLD * Math.max(this.#latestMs, this.smoothedMs);
    for (const [packet, sentMs] of this.#inFlight) {
      if (packet > this.#largestAcked) break;
      const isLost = this.#largestAcked - packet >= PACKET_THRESHOLD || nowMs - sentMs >= lostAfterMs;
      if (isLost) this.#onLost(packet);
    }
  }

  #onLost(packet: number): void {
    this.#inFlight.delete(packet);
    this.#lost.add(packet);
    this.lostPackets++;
    if (packet <= this.#reducedAt) return;
    this.#reducedAt = this.#next - 1;
    this.windowPackets = Math.max(LEAST_WINDOW_PACKETS, Math.floor(this.windowPackets * LOSS_SHARE));
    this.#ackedInRound = 0;
    this.#endSlowStart('loss', this.windowPackets);
  }

  /** As many as the window and pacing allow; later the others. */
  #sendAll(): void {
    const { nowMs } = this.#clock;
    const perMs = (PACING_GAIN * this.windowPackets) / this.smoothedMs;
    const credit = Math.min(BURST_PACKETS, this.#credit.packets + (nowMs - this.#credit.atMs) * perMs);
    this.#credit = { packets: credit, atMs: nowMs };
    while (this.#inFlight.size < this.windowPackets && this.#credit.packets >= 1) {
      this.#credit.packets--;
      this.#send();
    }
    if (this.#inFlight.size < this.windowPackets && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#clock.after((1 - this.#credit.packets) / perMs + 0.01, () => {
        this.#isWaiting = false;
        this.#sendAll();
      });
    }
    this.#setTimer();
  }

  #send(): void {
    const packet = this.#next++;
    this.#inFlight.set(packet, this.#clock.nowMs);
    this.#transmit(packet);
  }

  /** For what is lost by time, or when nothing comes (RFC 9002, section 6.2). */
  #setTimer(): void {
    const generation = ++this.#timer;
    const [first] = this.#inFlight;
    if (first === undefined) return;
    const [packet, sentMs] = first;
    const isOvertaken = packet < this.#largestAcked;
    const ms = isOvertaken
      ? TIME_THRESHOLD * Math.max(this.#latestMs, this.smoothedMs)
      : (this.smoothedMs + 4 * this.#varianceMs + 25) * 2 ** this.#timeouts;
    const atMs = Math.max(
      this.#clock.nowMs + LEAST_TIMER_MS,
      (isOvertaken ? sentMs : this.#clock.nowMs) + ms,
    );
    this.#clock.at(atMs, () => {
      if (generation !== this.#timer) return;
      if (isOvertaken) {
        this.#detectLoss();
        this.#sendAll();
        return;
      }
      this.#timeouts++;
      this.#send();
      this.#setTimer();
    });
  }
}
