import type { VirtualClock } from '../clock.ts';
import type { QuicAck } from './quic-sender.ts';

/** Chromium: every second packet at first, later every tenth, or a quarter of the round trip after the first that waits. */
const OFTEN = { packets: 2, untilPacket: 100 } as const;
const SELDOM_PACKETS = 10;
const MOST_DELAY_MS = 10;
const MAX_RANGES = 32;

/** Acknowledges what comes as Chromium's QUIC does. */
export class QuicReceiver {
  /** Different packets. */
  packets = 0;
  readonly #clock: VirtualClock;
  readonly #answer: (ack: QuicAck) => void;
  /** Ascending, apart from each other. */
  readonly #ranges: [low: number, high: number][] = [];
  #waiting = 0;
  #largestAtMs = 0;
  #timer = 0;

  constructor(clock: VirtualClock, answer: (ack: QuicAck) => void) {
    this.#clock = clock;
    this.#answer = answer;
  }

  onPacket(packet: number): void {
    const highest = this.#ranges.at(-1)?.[1] ?? -1;
    if (!this.#add(packet)) return;
    this.packets++;
    if (packet > highest) this.#largestAtMs = this.#clock.nowMs;
    this.#waiting++;
    const every = this.packets <= OFTEN.untilPacket ? OFTEN.packets : SELDOM_PACKETS;
    // At once where something is missing that was not before, or has come.
    if (packet !== highest + 1 || this.#waiting >= every) this.#acknowledge();
    else if (this.#waiting === 1) this.#acknowledgeLater();
  }

  #acknowledgeLater(): void {
    const generation = ++this.#timer;
    this.#clock.after(MOST_DELAY_MS, () => {
      if (generation === this.#timer && this.#waiting > 0) this.#acknowledge();
    });
  }

  #acknowledge(): void {
    this.#waiting = 0;
    this.#timer++;
    const ranges = this.#ranges.slice(-MAX_RANGES).map(([low, high]) => [low, high] as const);
    this.#answer({ ranges: ranges.reverse(), delayMs: this.#clock.nowMs - this.#largestAtMs });
  }

  /** @returns whether it is new */
  #add(packet: number): boolean {
    const ranges = this.#ranges;
    let at = ranges.length - 1;
    while (at >= 0 && ranges[at]![0] > packet) at--;
    const below = ranges[at];
    if (below !== undefined && packet <= below[1]) return false;
    const above = ranges[at + 1];
    const joinsBelow = below !== undefined && below[1] === packet - 1;
    const joinsAbove = above !== undefined && above[0] === packet + 1;
    if (joinsBelow && joinsAbove) {
      below[1] = above[1];
      ranges.splice(at + 1, 1);
    } else if (joinsBelow) below[1] = packet;
    else if (joinsAbove) above[0] = packet;
    else ranges.splice(at + 1, 0, [packet, packet]);
    return true;
  }
}
