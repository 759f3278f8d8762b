import type { Now } from '../now.ts';
import { ignoresLoss } from '../subflow/congestion-kind.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { fullBytes } from './full-subflow.ts';
import { MAX_SUBFLOWS_PER_UPLINK, WantedSubflows, type WantedSubflowsTuning } from './wanted-subflows.ts';

export interface SubflowWishTuning extends WantedSubflowsTuning {
  /** The kernel's smoothed round trip time above this multiple of its minimum, */
  readonly queueRtt: number;
  /** and this much more: a queue stands, so the path is full. */
  readonly queueSlackMs: number;
  /** The concentrator repeats its wish this often; */
  readonly repeatMs: number;
  /** the client forgets one that was not repeated for so long. */
  readonly lifetimeMs: number;
}

interface Counts {
  readonly sentPackets: number;
  readonly retransmittedPackets: number;
  readonly deliveredBytes: number;
}

/** How many subflows one uplink should have, as this end and as the peer see it (SPEC.md section 7, SUBFLOWS_WISH). */
export class SubflowWish {
  readonly #now: Now;
  readonly #tuning: SubflowWishTuning;
  #wanted: WantedSubflows;
  /** Kernel counts at the last review. */
  #counts = new Map<Subflow, Counts>();
  #samples = 0;
  #busySamples = 0;
  #queuedSamples = 0;
  /** What the peer was told, or the program around the session. */
  #saidCount = 1;
  #saidMs = 0;
  /** The peer's wish, until it is forgotten. */
  #peerCount = 1;
  #peerUntilMs = 0;

  constructor(now: Now, tuning: SubflowWishTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#wanted = new WantedSubflows(now, tuning);
  }

  /** @param subflows of the uplink, without those that are about to go */
  sample(subflows: readonly Subflow[]): void {
    const { queueRtt, queueSlackMs } = this.#tuning;
    let inFlightBytes = 0;
    let limitBytes = 0;
    let hasQueue = false;
    for (const subflow of subflows) {
      if (subflow.state !== 'active') continue;
      inFlightBytes += subflow.inFlightBytes;
      limitBytes += fullBytes(subflow);
      const { kernel } = subflow.meter;
      hasQueue ||= kernel !== undefined && kernel.rttMs > kernel.minRttMs * queueRtt + queueSlackMs;
    }
    this.#samples++;
    if (inFlightBytes >= limitBytes / 2) this.#busySamples++;
    if (hasQueue) this.#queuedSamples++;
  }

  /** Takes the samples of the span that ends now. */
  review(subflows: readonly Subflow[], durationMs: number): void {
    const active = subflows.filter(({ state }) => state === 'active');
    const isBusy = active.length > 0 && this.#busySamples * 2 >= this.#samples && active.every(isBoundByLoss);
    const hasQueue = this.#queuedSamples * 2 >= this.#samples;
    this.#samples = 0;
    this.#busySamples = 0;
    this.#queuedSamples = 0;
    const carried = this.#countsSinceLast(active);
    this.#wanted.review({ durationMs, subflows: active.length, isBusy, hasQueue, ...carried });
  }

  /** The uplink has no subflow any more: it is dialled anew, with one. @returns whether more than one was asked for */
  restart(): boolean {
    const hadMore = this.#saidCount > 1;
    this.#wanted = new WantedSubflows(this.#now, this.#tuning);
    this.#counts = new Map();
    this.#samples = 0;
    this.#busySamples = 0;
    this.#queuedSamples = 0;
    this.#saidCount = 1;
    this.#saidMs = 0;
    this.#peerCount = 1;
    this.#peerUntilMs = 0;
    return hadMore;
  }

  /** Client: the concentrator would like so many. */
  onPeerWish(count: number): void {
    this.#peerCount = Math.min(count, MAX_SUBFLOWS_PER_UPLINK);
    this.#peerUntilMs = this.#now.ms + this.#tuning.lifetimeMs;
  }

  /** Client: the larger of both ends' wishes, if it is another one than was said last. */
  takeNews(): number | undefined {
    const peerCount = this.#now.ms < this.#peerUntilMs ? this.#peerCount : 1;
    const count = Math.max(this.#wanted.count, peerCount);
    if (count === this.#saidCount) return undefined;
    this.#saidCount = count;
    return count;
  }

  /** Concentrator: what the client is to be told now, if anything. */
  takeWish(): number | undefined {
    const { count } = this.#wanted;
    const isNews = count !== this.#saidCount;
    if (!isNews && (count === 1 || this.#now.ms - this.#saidMs < this.#tuning.repeatMs)) return undefined;
    this.#saidCount = count;
    this.#saidMs = this.#now.ms;
    return count;
  }

  /** What the subflows have sent since the last look at them; one that is new counts from now on. */
  #countsSinceLast(subflows: readonly Subflow[]): Counts {
    const before = this.#counts;
    this.#counts = new Map();
    let [sentPackets, retransmittedPackets, deliveredBytes] = [0, 0, 0];
    for (const subflow of subflows) {
      const { kernel } = subflow.meter;
      const now = {
        sentPackets: kernel?.sentPackets ?? 0,
        retransmittedPackets: kernel?.totalRetransmittedPackets ?? 0,
        deliveredBytes: subflow.outbox.ledger.receiptedBytes,
      };
      const then = before.get(subflow) ?? now;
      this.#counts.set(subflow, now);
      sentPackets += now.sentPackets - then.sentPackets;
      retransmittedPackets += now.retransmittedPackets - then.retransmittedPackets;
      deliveredBytes += now.deliveredBytes - then.deliveredBytes;
    }
    return { sentPackets, retransmittedPackets, deliveredBytes };
  }
}

/** Whether the kernel says what happens to its packets, and takes loss for congestion. BBR does not. */
function isBoundByLoss({ congestionControl, meter }: Subflow): boolean {
  return meter.kernel !== undefined && congestionControl !== undefined && !ignoresLoss(congestionControl);
}
