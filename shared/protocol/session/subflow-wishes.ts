import type { ControlFrame } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import { WantedSubflows } from '../subflow/wanted-subflows.ts';
import {
  MAX_SUBFLOWS_PER_UPLINK,
  QUEUE_FACTOR,
  QUEUE_SLACK_MS,
  SUBFLOWS_REVIEW_MS,
  SUBFLOWS_SAMPLE_MS,
  WISH_LIFETIME_MS,
  WISH_REPEAT_MS,
} from '../tunables.ts';
import type { SessionEvent } from './events.ts';
import { byUplink, fullBytes } from './uplink-groups.ts';

/** What the wishes ask of their session. */
export interface WishingSession {
  emit(event: SessionEvent): void;
  tellPeer(frame: ControlFrame): void;
}

/** What is kept of one uplink. */
interface Uplink {
  readonly wanted: WantedSubflows;
  /** Kernel counts at the last review, by subflow. */
  counts: Map<number, Counts>;
  samples: number;
  busySamples: number;
  queuedSamples: number;
  /** What the peer was told, or the program around the session. */
  saidCount: number;
  saidMs: number;
  /** The peer's wish, until it is forgotten. */
  peerCount: number;
  peerUntilMs: number;
}

interface Counts {
  readonly sentPackets: number;
  readonly retransmittedPackets: number;
  readonly deliveredBytes: number;
}

/**
 * How many subflows each uplink should have (SPEC.md section 7, SUBFLOWS_WISH): judges what this end sends; the
 * concentrator tells the client, and the client, who dials, goes by the larger of both ends' wishes.
 */
export class SubflowWishes {
  readonly #now: Now;
  readonly #role: 'client' | 'concentrator';
  readonly #session: WishingSession;
  readonly #uplinks = new Map<string, Uplink>();
  #nextSampleMs = 0;
  #reviewedMs: number;

  constructor(role: 'client' | 'concentrator', session: WishingSession, now: Now) {
    this.#now = now;
    this.#role = role;
    this.#session = session;
    this.#reviewedMs = this.#now.ms;
  }

  /** Client: the concentrator would like so many subflows on an uplink. */
  onPeerWish(uplinkName: string, count: number): void {
    const uplink = this.#uplinkOf(uplinkName);
    uplink.peerCount = Math.min(count, MAX_SUBFLOWS_PER_UPLINK);
    uplink.peerUntilMs = this.#now.ms + WISH_LIFETIME_MS;
    this.#sayAtClient(uplinkName, uplink);
  }

  /** Samples, and every SUBFLOWS_REVIEW_MS decides; cheap in between. */
  check(subflows: readonly Subflow[]): void {
    if (this.#now.ms < this.#nextSampleMs) return;
    this.#nextSampleMs = this.#now.ms + SUBFLOWS_SAMPLE_MS;
    const groups = byUplink(subflows);
    for (const [name, group] of groups) this.#sample(this.#uplinkOf(name), group);
    const durationMs = this.#now.ms - this.#reviewedMs;
    if (durationMs < SUBFLOWS_REVIEW_MS) return;
    this.#reviewedMs = this.#now.ms;
    for (const [name, uplink] of this.#uplinks)
      this.#review(name, uplink, groups.get(name) ?? [], durationMs);
  }

  #sample(uplink: Uplink, group: readonly Subflow[]): void {
    let inFlightBytes = 0;
    let capBytes = 0;
    let hasQueue = false;
    for (const subflow of group) {
      if (subflow.state !== 'active') continue;
      inFlightBytes += subflow.inFlightBytes;
      const { kernel } = subflow;
      capBytes += fullBytes(subflow);
      hasQueue ||= kernel !== undefined && kernel.rttMs > kernel.minRttMs * QUEUE_FACTOR + QUEUE_SLACK_MS;
    }
    uplink.samples++;
    if (inFlightBytes >= capBytes / 2) uplink.busySamples++;
    if (hasQueue) uplink.queuedSamples++;
  }

  #review(name: string, uplink: Uplink, group: readonly Subflow[], durationMs: number): void {
    if (group.length === 0) {
      // It is dialled anew, with one.
      this.#uplinks.delete(name);
      if (this.#role === 'client' && uplink.saidCount > 1) this.#emit(name, 1);
      return;
    }
    const { samples, busySamples, queuedSamples } = uplink;
    const active = group.filter(({ state }) => state === 'active');
    const carried = countsSince(uplink, active);
    uplink.samples = 0;
    uplink.busySamples = 0;
    uplink.queuedSamples = 0;
    const isBusy = active.length > 0 && busySamples * 2 >= samples && active.every(isBoundByLoss);
    const hasQueue = queuedSamples * 2 >= samples;
    uplink.wanted.review({ durationMs, subflows: active.length, isBusy, hasQueue, ...carried });
    if (this.#role === 'client') this.#sayAtClient(name, uplink);
    else this.#sayToPeer(uplink, group[0]!.id);
  }

  #sayAtClient(name: string, uplink: Uplink): void {
    const peerCount = this.#now.ms < uplink.peerUntilMs ? uplink.peerCount : 1;
    const count = Math.max(uplink.wanted.count, peerCount);
    if (count === uplink.saidCount) return;
    uplink.saidCount = count;
    this.#emit(name, count);
  }

  #sayToPeer(uplink: Uplink, subflowId: number): void {
    const { count } = uplink.wanted;
    const isNews = count !== uplink.saidCount;
    if (!isNews && (count === 1 || this.#now.ms - uplink.saidMs < WISH_REPEAT_MS)) return;
    uplink.saidCount = count;
    uplink.saidMs = this.#now.ms;
    this.#session.tellPeer({ type: 'subflowsWish', subflowId, count });
  }

  #emit(uplinkName: string, count: number): void {
    this.#session.emit({ type: 'subflows-wanted', uplinkName, count });
  }

  #uplinkOf(name: string): Uplink {
    let uplink = this.#uplinks.get(name);
    if (uplink === undefined) {
      uplink = {
        wanted: new WantedSubflows(this.#now),
        counts: new Map(),
        samples: 0,
        busySamples: 0,
        queuedSamples: 0,
        saidCount: 1,
        saidMs: 0,
        peerCount: 1,
        peerUntilMs: 0,
      };
      this.#uplinks.set(name, uplink);
    }
    return uplink;
  }
}

/** Whether the kernel says what happens to its packets, and takes loss for congestion. BBR does not. */
function isBoundByLoss({ congestionControl, kernel }: Subflow): boolean {
  return kernel !== undefined && congestionControl !== undefined && !paysNoHeedToLoss(congestionControl);
}

/** BBR, in any version, is slowed little by random loss; a second connection would only double its queue. */
export function paysNoHeedToLoss(congestionControl: string): boolean {
  return congestionControl.startsWith('bbr');
}

/** What a group has sent since the last look at it; a subflow that is new counts from now on. */
function countsSince(uplink: Uplink, group: readonly Subflow[]): Counts {
  const before = uplink.counts;
  uplink.counts = new Map();
  let [sentPackets, retransmittedPackets, deliveredBytes] = [0, 0, 0];
  for (const { id, kernel, ledger } of group) {
    const now = {
      sentPackets: kernel?.sentPackets ?? 0,
      retransmittedPackets: kernel?.totalRetransmittedPackets ?? 0,
      deliveredBytes: ledger.receiptedBytes,
    };
    const then = before.get(id) ?? now;
    uplink.counts.set(id, now);
    sentPackets += now.sentPackets - then.sentPackets;
    retransmittedPackets += now.retransmittedPackets - then.retransmittedPackets;
    deliveredBytes += now.deliveredBytes - then.deliveredBytes;
  }
  return { sentPackets, retransmittedPackets, deliveredBytes };
}
