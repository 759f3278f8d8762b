import { encodeControl, type RemoteSubflowState } from '../codec/frame.ts';
import { controlItem } from '../control/control-item.ts';
import type { Now } from '../now.ts';
import type { Stream } from '../stream/stream.ts';
import { FULL_LEDGER_ENTRIES } from '../subflow/ledger.ts';
import { shareBottleneck } from '../subflow/subflow-view.ts';
import { hasBetterPlace } from './better-place.ts';
import type { SessionEvent } from './events.ts';
import { isQuiet } from './quiet.ts';
import { isDeliveredElsewhere } from './reinjection.ts';
import type { SessionSubflow } from './sent-item.ts';
import type { Transmitter } from './transmitter.ts';

/** What the watch asks of its session. */
export interface WatchedSession {
  readonly subflows: readonly SessionSubflow[];
  emit(event: SessionEvent): void;
  tellPeer(subflowId: number, state: RemoteSubflowState): void;
  surrender(subflow: SessionSubflow): void;
  close(subflow: SessionSubflow, reason: string): void;
}

export interface WatchTuning {
  /** While data is under way, heads of line and doubted subflows are looked at this often. */
  readonly tickMs: number;
  /** A doubted subflow is asked again this often: the last receipt for it may have been lost. */
  readonly doubtPingMs: number;
  /** Doubted this long: the client dials a fresh subflow beside it, unless the uplink is metered. Shorter pauses are everyday. */
  readonly besideAfterMs: number;
  /** Doubted this long it has failed: the fresh subflow takes its place, and the client dials one on a metered uplink, too. */
  readonly replaceAfterMs: number;
  /**
   * Where nothing else works it does so at once; and if it did so not long ago, after this and after so many round trips, in which a
   * radio's pause is over. It has failed then.
   */
  readonly keptReplaceMs: number;
  readonly keptReplaceRoundTrips: number;
  /** What was for nothing so long ago is forgotten, and so is what was dialled at once. */
  readonly vainMemoryMs: number;
  /** Doubted this long with everything delivered elsewhere: reset. */
  readonly giveUpAfterMs: number;
  /** Doubted this long it is reset whatever is under way: behind the kernel's own time-out, where there is one. */
  readonly abandonAfterMs: number;
}

export const WATCH_TUNING: WatchTuning = {
  tickMs: 10,
  doubtPingMs: 200,
  besideAfterMs: 200,
  replaceAfterMs: 1_000,
  keptReplaceMs: 300,
  keptReplaceRoundTrips: 9,
  vainMemoryMs: 30_000,
  giveUpAfterMs: 3_000,
  abandonAfterMs: 15_000,
};

/**
 * RECEIPTs on one subflow of which the peer says nothing: beyond it the subflow is closed. The answer to a PING or a WINDOW, within a
 * second, covers all before it: two hundred, and some thousands at 10 Gbit/s.
 */
export const MAX_UNANSWERED_RECEIPTS = 16 * 1024;
/**
 * Frames on one subflow that the peer has not receipted: full of data and of RECEIPTs, with as many control frames as data. Beyond it the
 * subflow is closed. A control frame goes on two subflows, and is settled when one of them has brought it: the other may keep it for long.
 */
export const MAX_LEDGER_ENTRIES = 2 * FULL_LEDGER_ENTRIES + MAX_UNANSWERED_RECEIPTS;
/** And on all subflows of a session: some 15 MB. Beyond it the subflow with most of them is closed. */
export const MAX_SESSION_LEDGER_ENTRIES = 2 * MAX_LEDGER_ENTRIES;

/** What is silent for longer pauses, maybe together with the one that has collapsed. */
const LIVELY_MS = 50;

/** Failure detection: doubt, recovery, replacement and death of subflows; pings; the tick for copies. */
export class SubflowWatch {
  readonly #now: Now;
  readonly #tuning: WatchTuning;
  readonly #session: WatchedSession;
  readonly #transmitter: Transmitter;
  /** Doubted subflows beside which the client was asked to dial another, and whether they have failed since. */
  readonly #replacements = new WeakMap<SessionSubflow, 'doubted' | 'failed'>();
  /** Doubted subflows whose other end has doubted them first. */
  readonly #peersDoubts = new WeakSet<SessionSubflow>();
  /** Replacements in a row whose silent subflow came back, and when the last one did. */
  #vain = 0;
  #vainMs = Number.NEGATIVE_INFINITY;
  /** When another one was last dialled at once. */
  #atOnceMs = Number.NEGATIVE_INFINITY;
  #nextTickMs = 0;
  #nextRoundMs = 0;

  constructor(session: WatchedSession, transmitter: Transmitter, now: Now, tuning: WatchTuning) {
    this.#now = now;
    this.#tuning = tuning;
    this.#session = session;
    this.#transmitter = transmitter;
  }

  /** When `check` is wanted again because of this subflow. */
  deadlineMs(subflow: SessionSubflow): number {
    const { liveness } = subflow;
    const tickMs = subflow.outbox.ledger.carriesData ? this.#nextTickMs : Number.POSITIVE_INFINITY;
    const readyMs = liveness.isReady ? Number.POSITIVE_INFINITY : liveness.readyMs;
    return Math.max(this.#now.ms, Math.min(tickMs, readyMs, liveness.deadlineMs));
  }

  check(subflows: readonly SessionSubflow[], streams: Iterable<Stream>): void {
    this.#checkLedgers(subflows);
    const isAsking =
      isQuiet(subflows, this.#now) &&
      subflows.some(({ state, liveness }) => state === 'active' && liveness.wantsPing(false));
    for (const subflow of subflows) {
      if (subflow.state === 'active') this.#checkActive(subflow, isAsking);
      else if (subflow.state === 'doubted') this.#checkDoubted(subflow, subflows);
    }
    if (this.#now.ms < this.#nextTickMs) return;
    this.#nextTickMs = this.#now.ms + this.#tuning.tickMs;
    this.#transmitter.copyHeadsOfLine(streams, subflows);
    if (this.#now.ms >= this.#nextRoundMs) {
      this.#transmitter.onRound();
      this.#nextRoundMs = this.#now.ms + Math.min(...subflows.map(({ smoothedRttMs }) => smoothedRttMs));
    }
  }

  /** @param by who doubts; the peer need not be told what it has said itself */
  doubt(subflow: SessionSubflow, reason: string, by: 'us' | 'peer' = 'us'): void {
    if (subflow.state !== 'active') return;
    const isKept = !hasBetterPlace(subflow, this.#session.subflows);
    subflow.doubt(isKept);
    if (by === 'peer') this.#peersDoubts.add(subflow);
    else this.#peersDoubts.delete(subflow);
    if (!isKept) this.#moveAway(subflow, by);
    this.#session.emit({ type: 'subflow-state', subflowId: subflow.id, state: 'doubted', reason });
  }

  /** What is under way on it goes to others. The peer keeps its own there for as long as it is not told. */
  #moveAway(subflow: SessionSubflow, by: 'us' | 'peer'): void {
    this.#session.surrender(subflow);
    if (by === 'us') this.#session.tellPeer(subflow.id, 'doubted');
  }

  /** What the peer lets lie costs memory here. */
  #checkLedgers(subflows: readonly SessionSubflow[]): void {
    let entries = 0;
    let longest: SessionSubflow | undefined;
    for (const subflow of subflows) {
      const { ledger } = subflow.outbox;
      entries += ledger.length;
      if (ledger.length > (longest?.outbox.ledger.length ?? 0)) longest = subflow;
      if (ledger.unansweredReceipts > MAX_UNANSWERED_RECEIPTS || ledger.length > MAX_LEDGER_ENTRIES) {
        this.#session.close(subflow, 'the peer receipts too little');
      }
    }
    if (longest !== undefined && longest.state !== 'closed' && entries > MAX_SESSION_LEDGER_ENTRIES) {
      this.#session.close(longest, 'the peer receipts too little on all subflows');
    }
  }

  /** @param isAsking a question is asked on one of them now, and others may go along */
  #checkActive(subflow: SessionSubflow, isAsking: boolean): void {
    const { liveness } = subflow;
    const { silenceMs, silenceLimitMs, wantsPausePing } = liveness;
    if (silenceMs > silenceLimitMs) {
      this.doubt(subflow, `silent for ${Math.round(silenceMs)} ms`);
    } else if (subflow.meter.collapse.isCollapsed && this.#isWorthMoving(subflow)) {
      this.doubt(subflow, 'it delivers next to nothing of what it did');
    } else if (liveness.wantsPing(isAsking) || wantsPausePing) {
      this.#ping(subflow);
    }
  }

  /** What is under way on a path that has collapsed: where the others together are no faster than what is left of it, it stays. */
  #isWorthMoving(collapsed: SessionSubflow): boolean {
    const { subflows } = this.#session;
    const others = subflows.filter(
      (other) =>
        other.state === 'active' &&
        other.liveness.silenceMs <= LIVELY_MS &&
        !shareBottleneck(other, collapsed),
    );
    const bytesPerSecond = others.reduce((sum, { rateBytesPerSecond }) => sum + rateBytesPerSecond, 0);
    return (
      bytesPerSecond > collapsed.meter.collapse.leftBytesPerSecond && hasBetterPlace(collapsed, subflows)
    );
  }

  #checkDoubted(subflow: SessionSubflow, subflows: readonly SessionSubflow[]): void {
    const { liveness } = subflow;
    const { giveUpAfterMs, abandonAfterMs, doubtPingMs } = this.#tuning;
    const failedAfterMs = this.#failedAfterMs(subflow);
    if (this.#worksAgain(subflow)) {
      subflow.recover();
      if (this.#replacements.delete(subflow)) this.#onVain();
      this.#session.emit({
        type: 'subflow-state',
        subflowId: subflow.id,
        state: 'active',
        reason: 'receipts came again',
      });
      return;
    }
    if (liveness.isKept && hasBetterPlace(subflow, subflows)) {
      subflow.leave();
      this.#moveAway(subflow, 'us');
    }
    const { doubtedMs, isKept } = liveness;
    if (liveness.pings.sinceQuestionMs >= doubtPingMs) {
      // Control frames came here while all were doubted.
      if (!isKept && subflows.some(({ state }) => state === 'active')) this.#session.surrender(subflow);
      this.#ping(subflow);
    } else if (isKept && doubtedMs < failedAfterMs && liveness.wantsPausePing) {
      this.#ping(subflow);
    }
    this.#replace(subflow, doubtedMs >= failedAfterMs);
    const isMissed = isKept || !isDeliveredElsewhere(subflow);
    const limitMs = isMissed ? abandonAfterMs : giveUpAfterMs;
    if (doubtedMs >= limitMs) {
      this.#session.close(subflow, `silent for ${Math.round(doubtedMs)} ms`);
    }
  }

  /** Receipts come on other subflows, too: where the other end has doubted, what it sends here must arrive as well. */
  #worksAgain(subflow: SessionSubflow): boolean {
    const { liveness, receipts } = subflow;
    if (!liveness.hasArrivedSinceDoubt || liveness.silenceMs >= liveness.silenceLimitMs / 2) return false;
    return !this.#peersDoubts.has(subflow) || receipts.lastArrivalMs > this.#now.ms - liveness.doubtedMs;
  }

  /**
   * A radio pauses, and goes on; a translator on the way that has forgotten the connection does not, nor need anybody wait for it. Which
   * of the two it is, nobody can tell: what is dialled meanwhile costs little, unless pauses come again and again, or the path is so
   * slow that each fresh one is doubted before it is heard.
   */
  #replace(subflow: SessionSubflow, isFailed: boolean): void {
    const asked = this.#replacements.get(subflow);
    if (asked === 'failed' || (!isFailed && (asked === 'doubted' || !this.#mayReplaceEarly(subflow)))) return;
    if (!isFailed && subflow.liveness.isKept) this.#atOnceMs = this.#now.ms;
    this.#replacements.set(subflow, isFailed ? 'failed' : 'doubted');
    this.#session.emit({ type: 'subflow-replace', subflowId: subflow.id, isFailed });
  }

  #mayReplaceEarly({ liveness, uplink }: SessionSubflow): boolean {
    const { vainMemoryMs, besideAfterMs } = this.#tuning;
    if (liveness.isKept) return this.#now.ms - this.#atOnceMs > vainMemoryMs;
    return liveness.doubtedMs >= besideAfterMs && !uplink.isMetered;
  }

  #failedAfterMs({ liveness, minRttMs }: SessionSubflow): number {
    const { replaceAfterMs, keptReplaceMs, keptReplaceRoundTrips, vainMemoryMs } = this.#tuning;
    if (!liveness.isKept) return replaceAfterMs;
    if (this.#now.ms - this.#vainMs > vainMemoryMs) this.#vain = 0;
    const firstMs = Math.max(keptReplaceMs, keptReplaceRoundTrips * minRttMs);
    return Math.min(replaceAfterMs, firstMs * 2 ** Math.max(0, this.#vain - 1));
  }

  #onVain(): void {
    this.#vain++;
    this.#vainMs = this.#now.ms;
  }

  #ping(subflow: SessionSubflow): void {
    if (!subflow.outbox.isWritable) return;
    const control = controlItem({ type: 'ping' }, 1, () => false);
    subflow.append([encodeControl({ type: 'ping' })], { kind: 'control', control });
  }
}
