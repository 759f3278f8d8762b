import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { Backoff } from '../../shared/runtime/async/backoff.ts';
import { DialAttempt, type DialledSubflow } from './dial-attempt.ts';
import type { PathHost } from './path-host.ts';
import type { PathPast } from './path-pasts.ts';
import { type PathSubflow, PathSubflows } from './path-subflows.ts';
import type { PathTarget } from './paths.ts';
import { failureReason, type UplinkReason } from './uplink-cause.ts';

/** A subflow that ends sooner was none: something on the way takes connections and cuts them. */
const LASTING_MS = 2_000;
/** A path that has worked and fell silent is tried again after so long at most: it may work again at any moment. */
const RETURN_WAIT_MS = 1_000;
/** Where dials cost, only for so long, and while the session is busy. */
const METERED_RETURN_MS = 60_000;
/** Nothing answers; who answers with a refusal is there, and need not be asked so often. What has an explanation keeps its code. */
const SILENCE: ReadonlySet<ErrorName> = new Set(['timedOut', 'destinationUnreachable']);
/** The concentrator, or its machine, has answered. */
const ANSWERS: ReadonlySet<ErrorName> = new Set(['connectionRefused', 'sessionUnknown', 'goingAway']);
const NOT_DIALLED: UplinkReason = { cause: 'not-dialled', reason: 'not dialled yet' };

/**
 * Keeps one path in use with as many subflows as are wanted, dialled one after the other; another beside one that is
 * doubted for long; redialled with back-off when they are gone.
 */
export class PathDialer {
  readonly #host: PathHost;
  readonly #backoff: Backoff;
  readonly #subflows = new PathSubflows();
  #targets: readonly PathTarget[] = [];
  /** What answered last; it is tried first. */
  #preferred: Destination | undefined;
  /** Where its last subflow has failed, unless it has had another since; it is tried last. */
  #failedAt: Destination | undefined;
  #wanted = 0;
  /** Under way. */
  #attempt: DialAttempt | undefined;
  /** With packets of full length, beside a subflow that works with small ones. */
  #trial: DialAttempt | undefined;
  /** For the next attempt. */
  #waiting: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** Whether one more than wanted is to be dialled. */
  #isRenewing = false;
  #reason = NOT_DIALLED;
  #hasFailed = false;
  /** Whether it has failed last since nothing was heard over it. */
  #isSilent = false;
  /** Whether the last subflow did not last. */
  #isFleeting = false;
  readonly #past: PathPast;

  /** @param past of this path, in this session and in those before it */
  constructor(host: PathHost, backoff: Backoff, past: PathPast) {
    this.#host = host;
    this.#backoff = backoff;
    this.#past = past;
  }

  get isUp(): boolean {
    return this.#subflows.healthyCount > 0;
  }

  /** Those that count, and those that are silent. */
  get subflowIds(): readonly number[] {
    return this.#subflows.ids;
  }

  /** Whether a subflow is one of this path's. */
  has(subflowId: number): boolean {
    return this.#subflows.has(subflowId);
  }

  /** Of the concentrator, that the subflows lead to which are not silent. */
  get addresses(): readonly Destination[] {
    return this.#subflows.healthy.map(([, { address }]) => address);
  }

  /** Whether it has neither targets nor subflows, nor any that are on their way. */
  get isOver(): boolean {
    return this.#targets.length === 0 && this.#subflows.size === 0 && this.#attempt === undefined;
  }

  /** Why it has no subflow, or lost its last. */
  get reason(): UplinkReason {
    return this.#reason;
  }

  /** Whether the last that is known of it is a failure: a dial, or a loss; or that nothing was heard over it, in an earlier session. */
  get hasFailed(): boolean {
    return this.#hasFailed || this.#past.isSilent(this.#host.clock());
  }

  /** Where to dial from now on; a dial to other addresses is given up. Subflows that are up stay. */
  setTargets(targets: readonly PathTarget[]): void {
    if (isDeepStrictEqual(targets, this.#targets)) return;
    this.#targets = targets;
    this.#attempt?.giveUp();
    this.retryNow();
  }

  /** So many subflows from now on; with 0 those that are up are taken out of use. */
  setWanted(count: number): void {
    if (this.#wanted === 0 && count > 0) {
      this.#hasFailed = false;
      this.#reason = NOT_DIALLED;
    }
    if (this.#wanted > 0 && count === 0) this.#past.forgetSilence();
    this.#wanted = count;
    if (count === 0) this.#isRenewing = false;
    if (count === 0) this.#giveUp();
    else this.#trim();
    this.#maintain();
  }

  /** No dials and no timers any more; the subflows are the session's to end. */
  stop(): void {
    this.#isStopped = true;
    const nowMs = this.#host.clock();
    const isWorking = this.#subflows.healthy.some(([, { upSinceMs }]) => nowMs - upSinceMs >= LASTING_MS);
    if (isWorking) this.#past.onWorked(nowMs);
    this.#attempt?.giveUp();
    this.#trial?.giveUp();
    clearTimeout(this.#waiting);
  }

  /** Something has changed: what failed may work now. */
  retryNow(): void {
    this.#backoff.succeed();
    this.#stopWaiting();
    this.#maintain();
  }

  /** The session has become busy: a path that may work again is not waited for any longer. */
  onBusy(): void {
    if (this.#isReturning) this.#dialNow();
  }

  /** What failed is waited for: it is dialled now, unless that costs. Nothing has changed, so that the pauses grow as before. */
  hurry(): void {
    if (!this.#host.isMetered()) this.#dialNow();
  }

  /** One subflow more is dialled, however many there are; the oldest ones stay. */
  renew(): void {
    this.#isRenewing = this.#wanted > 0 && !this.#isStopped;
    this.retryNow();
  }

  /**
   * Where packets of full length had vanished and it is time to try them again: dials with them. What comes up takes the place of
   * what is there; else nothing changes.
   */
  tryFullSize(): void {
    if (this.#isStopped || this.#trial !== undefined || this.#attempt !== undefined) return;
    const due = this.#subflows.healthy.find(([id, { address }]) => this.#host.isTrialDue(address, id));
    if (due === undefined) return;
    const [subflowId, { address }] = due;
    this.#host.onTrial(address, subflowId);
    const attempt = new DialAttempt(this.#host);
    this.#trial = attempt;
    void this.#replace(attempt, address).finally(() => {
      this.#trial = undefined;
      this.#host.onChange();
    });
  }

  /** A dial that is under way begins anew; once it is connected, only from one of these addresses where they are named. */
  redial(addresses: ReadonlySet<string> | undefined): void {
    this.#attempt?.loseNetwork(addresses);
    this.#trial?.loseNetwork(addresses);
  }

  /** The concentrator is no longer to be found there. */
  leaveAddress(address: Destination): void {
    for (const subflowId of this.#subflows.idsAt(address)) {
      this.retire(subflowId);
      this.#reason = { cause: 'no-address', reason: 'the concentrator withdrew the address' };
    }
    this.#maintain();
  }

  /** Takes one of this path's subflows out of use, in good order; another is dialled if it is wanted. */
  retire(subflowId: number): void {
    this.#subflows.remove(subflowId);
    this.#host.retire(subflowId);
  }

  /** One of this path's subflows is gone. */
  onSubflowClosed(subflowId: number): void {
    const closed = this.#subflows.remove(subflowId);
    if (closed === undefined || closed.isSilent) return;
    this.#judge(closed);
    this.#reason = { cause: 'subflow-lost', reason: 'its subflow was lost' };
    this.#hasFailed = true;
    this.#isSilent = false;
    // One that has lasted was good: what ended it may be over, as where a translator on the way has forgotten it. So may it be where
    // the first did not last.
    if (this.#isFleeting) this.#scheduleRetry(this.#backoff.isFresh);
    else this.#maintain();
    this.#host.onChange();
  }

  /**
   * One of this path's subflows is doubted: it no longer counts. Where it may only pause nothing else is made of it; this is
   * called again once it has failed. Then one that is dialled takes its place; until then it goes beside it.
   */
  onSubflowDoubted(subflowId: number, isFailed: boolean): void {
    const doubted = this.#subflows.silence(subflowId, isFailed);
    if (doubted === undefined) return;
    // Where another has come up since, the path works.
    if (isFailed && this.#isWanting) {
      this.#judge(doubted);
      this.#reason = { cause: 'silent', reason: 'its subflow is silent' };
      this.#hasFailed = true;
      this.#isSilent = true;
      this.#noteSilence();
    }
    this.#maintain();
    this.#host.onChange();
  }

  /** One of this path's subflows that were doubted works again. */
  onSubflowRecovered(subflowId: number): void {
    if (!this.#subflows.recover(subflowId)) return;
    this.#hasFailed = false;
    this.#past.forgetSilence();
    // What has come up meanwhile is in better shape than what was silent for longer than a dial takes.
    if (this.#subflows.healthyCount > this.#wanted && !this.#isRenewing) this.retire(subflowId);
    if (!this.#isWanting) this.#attempt?.giveUp();
    this.#host.onChange();
  }

  get #mayDial(): boolean {
    if (this.#isStopped || this.#attempt !== undefined || this.#waiting !== undefined) return false;
    return this.#isWanting && this.#targets.length > 0;
  }

  /** Whether there are fewer than there should be. */
  get #isWanting(): boolean {
    return this.#subflows.healthyCount < this.#wanted + (this.#isRenewing ? 1 : 0);
  }

  #maintain(): void {
    if (!this.#mayDial) return;
    const attempt = new DialAttempt(this.#host);
    this.#attempt = attempt;
    const isRenewing = this.#isRenewing;
    void this.#dial(attempt).then((result) => {
      this.#attempt = undefined;
      if (isRenewing && result === 'up') this.#isRenewing = false;
      if (result === 'failed') this.#scheduleRetry();
      else this.#maintain();
      this.#host.onChange();
    });
  }

  /** Nothing is wanted: what is up goes. */
  #giveUp(): void {
    this.#attempt?.giveUp();
    this.#trial?.giveUp();
    this.#stopWaiting();
    for (const subflowId of this.subflowIds) this.retire(subflowId);
  }

  #trim(): void {
    for (const subflowId of this.#subflows.idsBeyond(this.#wanted)) this.retire(subflowId);
  }

  /** Only after one that lasted does the back-off begin anew, or it would hold back none that fail later than in their dial. */
  #judge({ upSinceMs, address }: PathSubflow): void {
    this.#failedAt = address;
    this.#isFleeting = this.#host.clock() - upSinceMs < LASTING_MS;
    if (this.#isFleeting) return;
    this.#past.onWorked(this.#host.clock());
    this.#backoff.succeed();
  }

  /** Where another subflow works, the path does. */
  #noteSilence(): void {
    if (!this.isUp) this.#past.onSilent(this.#host.clock());
  }

  #dialNow(): void {
    if (this.#waiting === undefined) return;
    this.#stopWaiting();
    this.#maintain();
  }

  #stopWaiting(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }

  #scheduleRetry(isAtOnce = false): void {
    if (!this.#mayDial) return;
    const waitMs = this.#nextWaitMs();
    this.#waiting = setTimeout(
      () => {
        this.#waiting = undefined;
        this.#maintain();
      },
      isAtOnce ? 0 : waitMs,
    );
  }

  #nextWaitMs(): number {
    const waitMs = this.#backoff.nextMs();
    return this.#isReturning ? Math.min(waitMs, RETURN_WAIT_MS) : waitMs;
  }

  /** Whether it has worked, may do so again at any moment, and may be asked as often as that. */
  get #isReturning(): boolean {
    const { isMetered, isBusy, clock } = this.#host;
    const sinceWorkedMs = this.#past.sinceWorkedMs(clock());
    if (sinceWorkedMs === Number.POSITIVE_INFINITY || !this.#isSilent) return false;
    return !isMetered() || isBusy() || sinceWorkedMs < METERED_RETURN_MS;
  }

  async #dial(attempt: DialAttempt): Promise<'up' | 'failed' | 'given up'> {
    const { uplinkName, onDial } = this.#host;
    const targets = this.#targets;
    const choice = {
      preferred: this.#preferred,
      failed: this.#failedAt,
      isPressing: this.#backoff.isFresh && !this.#host.isMetered(),
    };
    try {
      const dialled = await attempt.run(targets, choice, () => this.#subflows.firstFailed);
      if (dialled === undefined || !this.#keeps(dialled)) return 'given up';
      this.#onUp(dialled);
      return 'up';
    } catch (error) {
      const code = error instanceof TributaryError ? error.code : undefined;
      // Also where it ends the session: the next one is to know that somebody is there.
      if (code !== undefined && ANSWERS.has(code)) this.#past.forgetSilence();
      // The targets have changed, or nobody dials any more: ignore this failure.
      if (attempt.isGivenUp || this.#isStopped || targets !== this.#targets) return 'given up';
      onDial('failed');
      this.#isSilent = code !== undefined && SILENCE.has(code);
      if (this.#isSilent) this.#noteSilence();
      this.#onFailure(failureReason(uplinkName, error as Error));
      return 'failed';
    }
  }

  /** Brings a subflow up that takes the place of all others to its address; leaves them alone where it fails. */
  async #replace(attempt: DialAttempt, address: Destination): Promise<void> {
    const target = { ...address, families: [isIP(address.host) === 4 ? 4 : 6] } as const;
    try {
      const dialled = await attempt.run([target], { isTrial: true }, () => undefined);
      if (dialled === undefined || !this.#keeps(dialled)) return;
      for (const subflowId of this.#subflows.idsAt(address)) this.retire(subflowId);
      this.#onUp(dialled);
      this.#maintain();
    } catch {
      // The next trial is later.
    }
  }

  /** Whether a subflow is still wanted now that it is up; lets it go where it is not. */
  #keeps({ id }: DialledSubflow): boolean {
    if (this.#isStopped) {
      // Another path has taken the place of this one, and waits for this subflow: it may be the session's first.
      this.#host.retire(id);
      return false;
    }
    if (this.#wanted === 0) this.#host.remove(id);
    return this.#wanted > 0;
  }

  #onUp({ id, address, replaced }: DialledSubflow): void {
    const { uplinkName: uplink, clock, logger, onDial } = this.#host;
    this.#subflows.add(id, address, clock(), replaced);
    this.#preferred = address;
    this.#failedAt = undefined;
    this.#hasFailed = false;
    this.#past.forgetSilence();
    if (!this.#isFleeting) this.#backoff.succeed();
    this.#trim();
    onDial('ok');
    logger.info({ uplink, subflow: id, concentrator: formatDestination(address) }, 'subflow up');
  }

  #onFailure(why: UplinkReason): void {
    const { uplinkName: uplink, logger } = this.#host;
    const { reason } = why;
    this.#hasFailed = true;
    // The same trouble again and again is said once.
    const isNews = reason !== this.#reason.reason && !this.isUp;
    this.#reason = why;
    logger[isNews ? 'warn' : 'debug'](
      { uplink, concentrator: this.#targets.map(formatDestination).join(', '), reason },
      this.isUp ? 'no further subflow' : 'uplink not usable',
    );
  }
}
