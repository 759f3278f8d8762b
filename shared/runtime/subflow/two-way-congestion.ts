import type { KernelMeasurement } from '../../protocol/kernel-measurement.ts';
import type { MonotonicClock } from '../clock.ts';

/** Congestion controls of the kernel that this chooses between. */
export type OneOrTwoWay = 'bbr' | 'cubic';

/** The directions are compared over so long. */
const SPAN_MS = 250;
/** Bulk goes both ways where the smaller direction has this share of the other, */
const LEAST_SHARE = 1 / 16;
/** and so many bytes per second: receipts of a fast download are fewer. */
const LEAST_BYTES_PER_SECOND = 62_500;
/** Acknowledgements wait behind it where the round trip is this multiple of the smallest. */
const QUEUE_RTT = 1.5;
/** A connection that had to send more than this share of its packets again is on a path that loses some, which CUBIC takes for congestion. */
const MOST_LOSS = 0.001;
/** After so many spans it is so, and after so many it is no longer. */
const SPANS_TO_CUBIC = 2;
const SPANS_TO_BBR = 20;

type Figures = Pick<
  KernelMeasurement,
  'bytesAcked' | 'rttMs' | 'minRttMs' | 'sentPackets' | 'totalRetransmittedPackets'
>;

/**
 * BBR takes what acknowledgements wait behind the other direction's bulk for the path, and lets less and less out. CUBIC does not mind,
 * but each random loss. So a connection uses BBR, and CUBIC while bulk goes both ways on a path that loses nothing.
 */
export class TwoWayCongestion {
  readonly #clock: MonotonicClock;
  readonly #choose: (name: OneOrTwoWay) => boolean;
  #name: OneOrTwoWay = 'bbr';
  #sinceMs = 0;
  #since: (Figures & { readonly receivedBytes: number }) | undefined;
  /** Spans in a row that speak for the other one. */
  #spans = 0;

  /** @param choose tells the kernel, and says whether it has obeyed; it may throw nothing */
  constructor(clock: MonotonicClock, choose: (name: OneOrTwoWay) => boolean) {
    this.#clock = clock;
    this.#choose = choose;
  }

  /** What the connection uses. */
  get name(): OneOrTwoWay {
    return this.#name;
  }

  /** @param receivedBytes all that the connection has received */
  onMeasured(kernel: Figures, receivedBytes: number): void {
    const nowMs = this.#clock();
    const spanMs = nowMs - this.#sinceMs;
    if (this.#since !== undefined && spanMs < SPAN_MS) return;
    const before = this.#since;
    this.#sinceMs = nowMs;
    this.#since = { ...kernel, receivedBytes };
    if (before === undefined) return;
    const sent = ((kernel.bytesAcked - before.bytesAcked) * 1000) / spanMs;
    const received = ((receivedBytes - before.receivedBytes) * 1000) / spanMs;
    const isLossy = kernel.totalRetransmittedPackets > MOST_LOSS * kernel.sentPackets;
    const isTwoWay =
      Math.min(sent, received) >= Math.max(LEAST_BYTES_PER_SECOND, LEAST_SHARE * Math.max(sent, received));
    const isForCubic = isTwoWay && kernel.rttMs > QUEUE_RTT * kernel.minRttMs && !isLossy;
    const isForOther = this.#name === 'bbr' ? isForCubic : !isTwoWay;
    this.#spans = isForOther ? this.#spans + 1 : 0;
    if (this.#spans < (this.#name === 'bbr' ? SPANS_TO_CUBIC : SPANS_TO_BBR)) return;
    this.#spans = 0;
    const other = this.#name === 'bbr' ? 'cubic' : 'bbr';
    if (this.#choose(other)) this.#name = other;
  }
}
