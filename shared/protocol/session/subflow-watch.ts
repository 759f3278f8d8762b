import { encodeControl, type RemoteSubflowState } from '../codec/frame.ts';
import type { Now } from '../now.ts';
import type { Subflow } from '../subflow/subflow.ts';
import {
  ABANDON_AFTER_MS,
  GIVE_UP_AFTER_MS,
  MAX_UNANSWERED_RECEIPTS,
  REPLACE_AFTER_MS,
} from '../tunables.ts';
import { controlItem } from './control-item.ts';
import type { SessionEvent } from './events.ts';
import { isDeliveredElsewhere } from './reinjection.ts';
import type { Stream } from './stream.ts';
import type { Transmitter } from './transmitter.ts';

/** What the watch asks of its session. */
export interface WatchedSession {
  emit(event: SessionEvent): void;
  tellPeer(subflowId: number, state: RemoteSubflowState): void;
  surrender(subflow: Subflow): void;
  close(subflow: Subflow, reason: string): void;
}

/** While anything is under way, heads of line and doubted subflows are looked at this often. */
const TICK_MS = 10;
/** A doubted subflow is asked again this often: the last receipt for it may have been lost. */
const DOUBT_PING_MS = 200;

/** Failure detection: doubt, recovery, replacement and death of subflows; pings; the tick for copies. */
export class SubflowWatch {
  readonly #now: Now;
  readonly #session: WatchedSession;
  readonly #transmitter: Transmitter;
  #nextTickMs = 0;
  #nextRoundMs = 0;

  constructor(session: WatchedSession, transmitter: Transmitter, now: Now) {
    this.#now = now;
    this.#session = session;
    this.#transmitter = transmitter;
  }

  /** When `check` is wanted again because of this subflow. */
  deadlineMs(subflow: Subflow): number {
    const tickMs = subflow.ledger.awaitsReceipt ? this.#nextTickMs : Number.POSITIVE_INFINITY;
    const readyMs = subflow.flaps.readyMs > this.#now.ms ? subflow.flaps.readyMs : Number.POSITIVE_INFINITY;
    return Math.max(this.#now.ms, Math.min(tickMs, readyMs, subflow.deadlineMs));
  }

  check(subflows: readonly Subflow[], streams: Iterable<Stream>): void {
    for (const subflow of subflows) {
      if (subflow.ledger.unansweredReceipts > MAX_UNANSWERED_RECEIPTS) {
        this.#session.close(subflow, 'the peer receipts nothing');
      } else if (subflow.state === 'active') this.#checkActive(subflow);
      else if (subflow.state === 'doubted') this.#checkDoubted(subflow, subflows);
    }
    if (this.#now.ms < this.#nextTickMs) return;
    this.#nextTickMs = this.#now.ms + TICK_MS;
    this.#transmitter.copyHeadsOfLine(streams, subflows, this.#now.ms);
    if (this.#now.ms >= this.#nextRoundMs) {
      this.#transmitter.onRound();
      this.#nextRoundMs = this.#now.ms + Math.min(...subflows.map(({ smoothedRttMs }) => smoothedRttMs));
    }
  }

  /** @param by who doubts; the peer need not be told what it has said itself */
  doubt(subflow: Subflow, reason: string, by: 'us' | 'peer' = 'us'): void {
    if (subflow.state !== 'active') return;
    subflow.doubt();
    this.#session.surrender(subflow);
    if (by === 'us') this.#session.tellPeer(subflow.id, 'doubted');
    this.#session.emit({ type: 'subflow-state', subflowId: subflow.id, state: 'doubted', reason });
  }

  #checkActive(subflow: Subflow): void {
    const silenceMs = subflow.silenceMs;
    if (silenceMs > subflow.silenceLimitMs) {
      this.doubt(subflow, `silent for ${Math.round(silenceMs)} ms`);
    } else if (subflow.wantsPing) {
      this.#ping(subflow);
    }
  }

  #checkDoubted(subflow: Subflow, subflows: readonly Subflow[]): void {
    if (subflow.hasReceiptSinceDoubt && subflow.silenceMs < subflow.silenceLimitMs / 2) {
      subflow.recover();
      this.#session.emit({
        type: 'subflow-state',
        subflowId: subflow.id,
        state: 'active',
        reason: 'receipts came again',
      });
      return;
    }
    if (this.#now.ms - subflow.lastElicitingMs >= DOUBT_PING_MS) {
      // Control frames came here while all were doubted.
      if (subflows.some(({ state }) => state === 'active')) this.#session.surrender(subflow);
      this.#ping(subflow);
    }
    const doubtedMs = this.#now.ms - subflow.doubtedSinceMs;
    if (doubtedMs >= REPLACE_AFTER_MS && !subflow.replacementAsked) {
      subflow.replacementAsked = true;
      this.#session.emit({ type: 'subflow-replace', subflowId: subflow.id });
    }
    const limitMs = isDeliveredElsewhere(subflow) ? GIVE_UP_AFTER_MS : ABANDON_AFTER_MS;
    if (doubtedMs >= limitMs) {
      this.#session.close(subflow, `silent for ${Math.round(doubtedMs)} ms`);
    }
  }

  #ping(subflow: Subflow): void {
    if (!subflow.isWritable) return;
    const control = controlItem({ type: 'ping' }, 1, () => false);
    subflow.append([encodeControl({ type: 'ping' })], { kind: 'control', control });
  }
}
