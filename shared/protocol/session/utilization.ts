import type { ControlFrame } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import {
  SUBFLOWS_SAMPLE_MS,
  UTILIZATION_LIFETIME_MS,
  UTILIZATION_MS,
  UTILIZATION_REPEAT_MS,
  UTILIZATION_STEP,
} from '../tunables.ts';
import { type ControlItem, controlItem } from './control-item.ts';
import { byUplink, fullBytes } from './uplink-groups.ts';

/** What is kept of one uplink. */
interface Uplink {
  samples: number;
  busySamples: number;
  /** Receipted bytes at the last review, by subflow. */
  receipted: Map<number, number>;
  /** Of what this end sends, 0 to 1. */
  share: number;
  /** What the peer was told, in percent. */
  told: number;
  toldMs: number;
  /** The same of what the peer sends, as it says. */
  peerShare: number;
  /** And until when that counts. */
  peerUntilMs: number;
}

/** What utilization asks of its session. */
export interface MeteredSession {
  tellPeer(item: ControlItem): void;
}

/**
 * How much of what each uplink can carry is made use of: the share of the last second in which a subflow of it was full, or its
 * throughput over its rate, where it was ever kept busy and so has shown it. Each end knows it of what it sends; the
 * concentrator tells the client (SPEC.md section 7, UTILIZATION), who decides on uplinks.
 */
export class Utilization {
  readonly #now: Now;
  readonly #role: 'client' | 'concentrator';
  readonly #session: MeteredSession;
  readonly #uplinks = new Map<string, Uplink>();
  #nextSampleMs = 0;
  #reviewedMs: number;

  constructor(role: 'client' | 'concentrator', session: MeteredSession, now: Now) {
    this.#now = now;
    this.#role = role;
    this.#session = session;
    this.#reviewedMs = this.#now.ms;
  }

  /** Of the direction that uses more of it, 0 to 1. */
  of(uplinkName: string): number {
    const uplink = this.#uplinks.get(uplinkName);
    return uplink === undefined ? 0 : Math.max(uplink.share, uplink.peerShare);
  }

  /** Client: what the concentrator says of an uplink. */
  onPeerReport(uplinkName: string, percent: number): void {
    const uplink = this.#uplinkOf(uplinkName);
    uplink.peerShare = percent / 100;
    uplink.peerUntilMs = this.#now.ms + UTILIZATION_LIFETIME_MS;
  }

  /** Samples, and every UTILIZATION_MS reviews; cheap in between. */
  check(subflows: readonly Subflow[]): void {
    if (this.#now.ms < this.#nextSampleMs) return;
    this.#nextSampleMs = this.#now.ms + SUBFLOWS_SAMPLE_MS;
    const groups = byUplink(subflows);
    for (const [name, group] of groups) {
      const uplink = this.#uplinkOf(name);
      uplink.samples++;
      if (group.some(isFull)) uplink.busySamples++;
    }
    const durationMs = this.#now.ms - this.#reviewedMs;
    if (durationMs < UTILIZATION_MS) return;
    this.#reviewedMs = this.#now.ms;
    for (const [name, uplink] of this.#uplinks) this.#review(name, uplink, groups.get(name), durationMs);
  }

  #review(name: string, uplink: Uplink, group: readonly Subflow[] | undefined, durationMs: number): void {
    if (group === undefined) {
      this.#uplinks.delete(name);
      return;
    }
    const busyShare = uplink.samples === 0 ? 0 : uplink.busySamples / uplink.samples;
    uplink.share = Math.min(1, Math.max(busyShare, rateShare(uplink, group, durationMs)));
    uplink.samples = 0;
    uplink.busySamples = 0;
    if (this.#role === 'concentrator') this.#tell(uplink, group[0]!.id);
    // A report may come too late, behind a newer one, or never.
    else if (this.#now.ms >= uplink.peerUntilMs) uplink.peerShare = 0;
  }

  #tell(uplink: Uplink, subflowId: number): void {
    const percent = Math.round(uplink.share * 100);
    const isEnd = percent === 0 || percent === 100;
    const change = Math.abs(percent - uplink.told);
    const isNews = change >= UTILIZATION_STEP || (change > 0 && isEnd);
    const isRepeat = percent > 0 && this.#now.ms - uplink.toldMs >= UTILIZATION_REPEAT_MS;
    if (!isNews && !isRepeat) return;
    uplink.told = percent;
    uplink.toldMs = this.#now.ms;
    const frame: ControlFrame = { type: 'utilization', subflowId, percent };
    this.#session.tellPeer(controlItem(frame, 1, () => uplink.told === percent));
  }

  #uplinkOf(name: string): Uplink {
    let uplink = this.#uplinks.get(name);
    if (uplink === undefined) {
      uplink = {
        samples: 0,
        busySamples: 0,
        receipted: new Map(),
        share: 0,
        told: 0,
        toldMs: 0,
        peerShare: 0,
        peerUntilMs: 0,
      };
      this.#uplinks.set(name, uplink);
    }
    return uplink;
  }
}

/** What the group has delivered since the last look, over what it can in that time; 0 while that is not known. */
function rateShare(uplink: Uplink, group: readonly Subflow[], durationMs: number): number {
  const before = uplink.receipted;
  uplink.receipted = new Map(group.map(({ id, ledger }) => [id, ledger.receiptedBytes]));
  const used = group.filter(({ rate, state }) => rate.isProven && state === 'active');
  if (used.length === 0) return 0;
  let deliveredBytes = 0;
  let bytesPerSecond = 0;
  for (const { id, ledger, rate } of used) {
    deliveredBytes += ledger.receiptedBytes - (before.get(id) ?? ledger.receiptedBytes);
    bytesPerSecond += rate.bytesPerSecond;
  }
  bytesPerSecond = Math.min(bytesPerSecond, used[0]?.limit?.bytesPerSecond ?? Number.POSITIVE_INFINITY);
  return bytesPerSecond === 0 ? 0 : (deliveredBytes * 1000) / durationMs / bytesPerSecond;
}

/** Whether more could have been given to it: as where the number of subflows is judged, or but for its rate limit. */
function isFull(subflow: Subflow): boolean {
  if (subflow.state !== 'active') return false;
  if (subflow.limit?.isOpen === false) return true;
  return subflow.inFlightBytes >= fullBytes(subflow) / 2;
}
