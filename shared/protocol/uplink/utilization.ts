import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { isFull } from './full-subflow.ts';

export interface UtilizationTuning {
  /** How much of an uplink is made use of is judged this often: long beside round trips, short beside the decision to dial. */
  readonly reviewMs: number;
  /** The client is told of a change by so many percent, or when it comes to none or all. */
  readonly stepPercent: number;
  /** What is above none is said again this often; */
  readonly repeatMs: number;
  /** the client forgets what was not repeated for so long. */
  readonly lifetimeMs: number;
}

export const UTILIZATION_TUNING: UtilizationTuning = {
  reviewMs: 1_000,
  stepPercent: 10,
  repeatMs: 10_000,
  lifetimeMs: 30_000,
};

/** A path of datagrams. */
export interface SampledPath {
  /** How much of what it can carry is made use of now, 0 to 1. */
  sample(): number;
}

/**
 * How much of what one uplink can carry is made use of: the share of the last second in which a subflow of it was full, its
 * throughput over its rate, where it was ever kept busy and so has shown it, or what datagrams make of their path. Each end knows it of what it sends; the
 * concentrator tells the client (SPEC.md section 7, UTILIZATION), which decides on uplinks.
 */
export class UplinkUtilization {
  readonly #now: Now;
  readonly #tuning: UtilizationTuning;
  #samples = 0;
  #busySamples = 0;
  /** Of all samples together, of the path that is used most. */
  #pathShares = 0;
  /** Receipted bytes at the last review. */
  #receipted = new Map<Subflow, number>();
  /** Of what this end sends, 0 to 1. */
  #share = 0;
  /** What the peer was told. */
  #toldPercent = 0;
  #toldMs = 0;
  /** The same of what the peer sends, as it says, */
  #peerShare = 0;
  /** and until when that counts. */
  #peerUntilMs = 0;

  constructor(now: Now, tuning: UtilizationTuning) {
    this.#now = now;
    this.#tuning = tuning;
  }

  /** Of the direction that uses more of it, 0 to 1. */
  get share(): number {
    return Math.max(this.#share, this.#peerShare);
  }

  /** Client: of what the concentrator can send, as it says, 0 to 1. */
  get peerShare(): number {
    return this.#peerShare;
  }

  /** What the peer was told last, in percent. */
  get toldPercent(): number {
    return this.#toldPercent;
  }

  /**
   * @param subflows of the uplink, without those that are about to go
   * @param paths of datagrams
   */
  sample(subflows: readonly Subflow[], paths: Iterable<SampledPath>): void {
    this.#samples++;
    if (subflows.some(isFull)) this.#busySamples++;
    let share = 0;
    for (const path of paths) share = Math.max(share, path.sample());
    this.#pathShares += share;
  }

  /** Takes the samples of the span that ends now. @param subflows as in `sample` */
  review(subflows: readonly Subflow[], durationMs: number): void {
    const samples = Math.max(1, this.#samples);
    const sampled = Math.max(this.#busySamples, this.#pathShares) / samples;
    this.#share = Math.min(1, Math.max(sampled, this.#rateShare(subflows, durationMs)));
    this.#forgetSamples();
    // A report may come too late, behind a newer one, or never.
    if (this.#now.ms >= this.#peerUntilMs) this.#peerShare = 0;
  }

  /** The uplink has no subflow any more. */
  restart(): void {
    this.#forgetSamples();
    this.#receipted = new Map();
    this.#share = 0;
    this.#toldPercent = 0;
    this.#toldMs = 0;
    this.#peerShare = 0;
    this.#peerUntilMs = 0;
  }

  /** Client: the concentrator makes use of so much. */
  onPeerReport(percent: number): void {
    this.#peerShare = percent / 100;
    this.#peerUntilMs = this.#now.ms + this.#tuning.lifetimeMs;
  }

  /** Concentrator: the percentage that the client is to be told now, if any. */
  takeNews(): number | undefined {
    const percent = Math.round(this.#share * 100);
    const isEnd = percent === 0 || percent === 100;
    const change = Math.abs(percent - this.#toldPercent);
    const isNews = change >= this.#tuning.stepPercent || (change > 0 && isEnd);
    const isRepeat = percent > 0 && this.#now.ms - this.#toldMs >= this.#tuning.repeatMs;
    if (!isNews && !isRepeat) return undefined;
    this.#toldPercent = percent;
    this.#toldMs = this.#now.ms;
    return percent;
  }

  #forgetSamples(): void {
    this.#samples = 0;
    this.#busySamples = 0;
    this.#pathShares = 0;
  }

  /** What the subflows have delivered since the last look, over what they can in that time; 0 while that is not known. */
  #rateShare(subflows: readonly Subflow[], durationMs: number): number {
    const before = this.#receipted;
    this.#receipted = new Map(subflows.map((subflow) => [subflow, receiptedBytes(subflow)]));
    const used = subflows.filter(({ isRateProven, state }) => isRateProven && state === 'active');
    const [first] = used;
    if (first === undefined) return 0;
    let deliveredBytes = 0;
    let bytesPerSecond = 0;
    for (const subflow of used) {
      const nowBytes = receiptedBytes(subflow);
      deliveredBytes += nowBytes - (before.get(subflow) ?? nowBytes);
      bytesPerSecond += subflow.congestion.bytesPerSecond;
    }
    const limit = first.uplink.bucket?.bytesPerSecond ?? Number.POSITIVE_INFINITY;
    const possible = Math.min(bytesPerSecond, limit);
    return possible === 0 ? 0 : (deliveredBytes * 1000) / durationMs / possible;
  }
}

function receiptedBytes({ outbox }: Subflow): number {
  return outbox.ledger.receiptedBytes;
}
