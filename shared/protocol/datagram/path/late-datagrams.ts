import type { PathTimes } from './path-times.ts';
import type { SentPackets } from './sent-packets.ts';
import type { TrackedDatagram } from './tracked-datagram.ts';

interface Entry {
  readonly counter: number;
  readonly sentMs: number;
  readonly datagram: TrackedDatagram;
}

/** Datagrams of small flows that one path has under way, oldest first: which of them are late. */
export class LateDatagrams {
  readonly #entries: Entry[] = [];
  #taken = 0;

  /** When the oldest was sent. */
  get oldestMs(): number | undefined {
    return this.#entries[this.#taken]?.sentMs;
  }

  add(counter: number, sentMs: number, datagram: TrackedDatagram): void {
    datagram.underWay++;
    this.#entries.push({ counter, sentMs, datagram });
    if (this.#entries.length - this.#taken > MAX_TRACKED) this.#shift();
  }

  /** Takes those that are lost, or late, and that nothing else carries. */
  take(sent: SentPackets, times: PathTimes, reorderMs: number, nowMs: number): readonly TrackedDatagram[] {
    const late: TrackedDatagram[] = [];
    for (;;) {
      const entry = this.#entries[this.#taken];
      if (entry === undefined) return late;
      const { counter, sentMs, datagram } = entry;
      if (!datagram.isConfirmed) {
        // The same sum as in the path's deadline, so that rounding never puts it behind that.
        if (nowMs < times.lateAtMs(sentMs) && !sent.isLost(counter, sentMs, reorderMs)) return late;
        if (datagram.underWay === 1) late.push(datagram);
      }
      this.#shift();
    }
  }

  /** A packet has arrived. */
  confirm(counter: number): void {
    // Mostly it is one of the oldest.
    for (let i = this.#taken; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (entry.counter > counter) return;
      if (entry.counter === counter) entry.datagram.isConfirmed = true;
    }
  }

  #shift(): void {
    const entry = this.#entries[this.#taken++];
    if (entry !== undefined) entry.datagram.underWay--;
    if (this.#taken < COMPACT_FROM && this.#taken < this.#entries.length) return;
    this.#entries.splice(0, this.#taken);
    this.#taken = 0;
  }
}

/** Payloads that one path keeps at most: a second of five calls. At the bound the oldest is not sent again. */
const MAX_TRACKED = 256;
const COMPACT_FROM = 64;
