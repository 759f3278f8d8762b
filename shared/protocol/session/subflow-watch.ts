import { encodeControl, type RemoteSubflowState } from '../codec/frame.ts';
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
  readonly #session: WatchedSession;
  readonly #transmitter: Transmitter;
  #nextTickMs = 0;
  #nextRoundMs = 0;

  constructor(session: WatchedSession, transmitter: Transmitter) {
    this.#session = session;
    this.#transmitter = transmitter;
  }

  /** When `check` is wanted again because of this subflow. */
  deadlineMs(subflow: Subflow, nowMs: number): number {
    const tickMs = subflow.ledger.awaitsReceipt ? this.#nextTickMs : Number.POSITIVE_INFINITY;
    const readyMs = subflow.flaps.readyMs > nowMs ? subflow.flaps.readyMs : Number.POSITIVE_INFINITY;
    return Math.max(nowMs, Math.min(tickMs, readyMs, subflow.deadlineMs(nowMs)));
  }

  check(subflows: readonly Subflow[], streams: Iterable<Stream>, nowMs: number): void {
    for (const subflow of subflows) {
      if (subflow.ledger.unansweredReceipts > MAX_UNANSWERED_RECEIPTS) {
        this.#session.close(subflow, 'the peer receipts nothing');
      } else if (subflow.state === 'active') this.#checkActive(subflow, nowMs);
      else if (subflow.state === 'doubted') this.#checkDoubted(subflow, subflows, nowMs);
    }
    if (nowMs < this.#nextTickMs) return;
    this.#nextTickMs = nowMs + TICK_MS;
    this.#transmitter.copyHeadsOfLine(streams, subflows, nowMs);
    if (nowMs >= this.#nextRoundMs) {
      this.#transmitter.onRound();
      this.#nextRoundMs = nowMs + Math.min(...subflows.map(({ smoothedRttMs }) => smoothedRttMs));
    }
  }

  /** @param by who doubts; the peer need not be told what it has said itself */
  doubt(subflow: Subflow, reason: string, nowMs: number, by: 'us' | 'peer' = 'us'): void {
    if (subflow.state !== 'active') return;
    subflow.doubt(nowMs);
    this.#session.surrender(subflow);
    if (by === 'us') this.#session.tellPeer(subflow.id, 'doubted');
    this.#session.emit({ type: 'subflow-state', subflowId: subflow.id, state: 'doubted', reason });
  }

  #checkActive(subflow: Subflow, nowMs: number): void {
    const silenceMs = subflow.silenceMs(nowMs);
    if (silenceMs > subflow.silenceLimitMs) {
      this.doubt(subflow, `silent for ${Math.round(silenceMs)} ms`, nowMs);
    } else if (subflow.wantsPing(nowMs)) {
      this.#ping(subflow, nowMs);
    }
  }

  #checkDoubted(subflow: Subflow, subflows: readonly Subflow[], nowMs: number): void {
    if (subflow.hasReceiptSinceDoubt && subflow.silenceMs(nowMs) < subflow.silenceLimitMs / 2) {
      subflow.recover(nowMs);
      this.#session.emit({
        type: 'subflow-state',
        subflowId: subflow.id,
        state: 'active',
        reason: 'receipts came again',
      });
      return;
    }
    if (nowMs - subflow.lastElicitingMs >= DOUBT_PING_MS) {
      // Control frames came here while all were doubted.
      if (subflows.some(({ state }) => state === 'active')) this.#session.surrender(subflow);
      this.#ping(subflow, nowMs);
    }
    const doubtedMs = nowMs - subflow.doubtedSinceMs;
    if (doubtedMs >= REPLACE_AFTER_MS && !subflow.replacementAsked) {
      subflow.replacementAsked = true;
      this.#session.emit({ type: 'subflow-replace', subflowId: subflow.id });
    }
    const limitMs = isDeliveredElsewhere(subflow) ? GIVE_UP_AFTER_MS : ABANDON_AFTER_MS;
    if (doubtedMs >= limitMs) {
      this.#session.close(subflow, `silent for ${Math.round(doubtedMs)} ms`);
    }
  }

  #ping(subflow: Subflow, nowMs: number): void {
    if (!subflow.isWritable) return;
    const control = controlItem({ type: 'ping' }, 1, () => false);
    subflow.append([encodeControl({ type: 'ping' })], { kind: 'control', control }, nowMs);
  }
}
