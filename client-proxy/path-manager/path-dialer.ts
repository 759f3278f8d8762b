import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { Backoff } from '../../shared/runtime/async/backoff.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { PathTarget } from './paths.ts';
import type { Reached } from './reach.ts';
import { failureReason, type UplinkReason } from './uplink-cause.ts';

/** What a path asks of the session whose subflows it dials. */
export interface PathHost {
  readonly uplinkName: string;
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  /** Connects to one of the targets, `preferred` first, and proves the other end. */
  reach(
    targets: readonly PathTarget[],
    preferred: Destination | undefined,
    signal: CancelSignal,
  ): Promise<Reached>;
  /**
   * Brings the transport into the session, in place of the silent subflow `replaced`; resolves to the subflow's id. Where it
   * rejects the transport is closed.
   */
  admit(transport: SubflowTransport, address: Destination, replaced: number | undefined): Promise<number>;
  /** Takes a subflow out of use, in good order. */
  retire(subflowId: number): void;
  /** Closes a subflow now. */
  remove(subflowId: number): void;
  onDial(result: 'ok' | 'failed'): void;
  /** A subflow more or less, or a dial that failed. */
  onChange(): void;
}

/** A subflow that ends sooner was none: something on the way takes connections and cuts them. */
const LASTING_MS = 2_000;

/**
 * Keeps one path in use with as many subflows as are wanted, dialled one after the other; another beside one that is
 * doubted for long; redialled with back-off when they are gone.
 */
export class PathDialer {
  readonly #host: PathHost;
  readonly #backoff: Backoff;
  readonly #healthy = new Set<number>();
  /** Doubted for long: no longer counted, and not yet gone. */
  readonly #silent = new Set<number>();
  readonly #addressOf = new Map<number, Destination>();
  readonly #upSinceMs = new Map<number, number>();
  #targets: readonly PathTarget[] = [];
  #preferred: Destination | undefined;
  #wanted = 0;
  #isDialling = false;
  /** Of the dial that goes on, as long as it is not connected: from then on it is carried through. */
  #reaching: Cancellation | undefined;
  /** What is connected, and waits for its place in the session. */
  #admitting: { readonly transport: SubflowTransport; readonly signal: Cancellation } | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #isStopped = false;
  #reason = NOT_DIALLED;
  #hasFailed = false;
  /** Whether the last subflow did not last. */
  #isFleeting = false;

  constructor(host: PathHost, backoff: Backoff) {
    this.#host = host;
    this.#backoff = backoff;
  }

  get isUp(): boolean {
    return this.#healthy.size > 0;
  }

  /** Those that count, and those that are silent. */
  get subflowIds(): readonly number[] {
    return [...this.#healthy, ...this.#silent];
  }

  /** Whether it has neither targets nor subflows, nor any that are on their way. */
  get isOver(): boolean {
    return this.#targets.length === 0 && this.subflowIds.length === 0 && !this.#isDialling;
  }

  /** Why it has no subflow, or lost its last. */
  get reason(): UplinkReason {
    return this.#reason;
  }

  /** Whether the last that is known of it is a failure: a dial, or a loss. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Where to dial from now on; a dial to other addresses is given up. Subflows that are up stay. */
  setTargets(targets: readonly PathTarget[]): void {
    if (isDeepStrictEqual(targets, this.#targets)) return;
    this.#targets = targets;
    this.#reaching?.abort();
    this.retryNow();
  }

  /** So many subflows from now on; with 0 those that are up are taken out of use. */
  setWanted(count: number): void {
    if (this.#wanted === 0 && count > 0) {
      this.#hasFailed = false;
      this.#reason = NOT_DIALLED;
    }
    this.#wanted = count;
    if (count === 0) this.#giveUp();
    else this.#trim();
    this.#maintain();
  }

  /** No dials and no timers any more; the subflows are the session's to end. */
  stop(): void {
    this.#isStopped = true;
    this.#reaching?.abort();
    clearTimeout(this.#waiting);
  }

  /** Something has changed: what failed may work now. */
  retryNow(): void {
    this.#backoff.succeed();
    this.#stopWaiting();
    this.#maintain();
  }

  /** A dial that is under way begins anew; once it is connected, only from one of these addresses where they are named. */
  redial(addresses: ReadonlySet<string> | undefined): void {
    this.#reaching?.abort();
    if (this.#admitting === undefined) return;
    const { transport, signal } = this.#admitting;
    if (addresses?.has(transport.localAddress) === false) return;
    signal.abort();
    transport.destroy();
  }

  /** The concentrator is no longer to be found there. */
  leaveAddress(address: Destination): void {
    const where = formatDestination(address);
    for (const subflowId of this.subflowIds) {
      const own = this.#addressOf.get(subflowId);
      if (own === undefined || formatDestination(own) !== where) continue;
      this.#forget(subflowId);
      this.#host.retire(subflowId);
      this.#reason = { cause: 'no-address', reason: 'the concentrator withdrew the address' };
    }
    this.#maintain();
  }

  /** A subflow is gone; perhaps one of this path's. */
  onSubflowClosed(subflowId: number): void {
    const wasHealthy = this.#healthy.has(subflowId);
    if (wasHealthy) this.#judge(subflowId);
    this.#forget(subflowId);
    if (!wasHealthy) return;
    this.#reason = { cause: 'subflow-lost', reason: 'its subflow was lost' };
    this.#hasFailed = true;
    this.#scheduleRetry();
    this.#host.onChange();
  }

  /** A subflow has been doubted for long: it no longer counts. */
  onSubflowDoubted(subflowId: number): void {
    if (!this.#healthy.delete(subflowId)) return;
    this.#judge(subflowId);
    this.#reason = { cause: 'silent', reason: 'its subflow is silent' };
    this.#hasFailed = true;
    this.#silent.add(subflowId);
    this.#maintain();
    this.#host.onChange();
  }

  /** A subflow that was doubted works again. */
  onSubflowRecovered(subflowId: number): void {
    if (!this.#silent.delete(subflowId)) return;
    this.#healthy.add(subflowId);
    this.#trim();
    this.#host.onChange();
  }

  get #isComplete(): boolean {
    return this.#healthy.size >= this.#wanted;
  }

  get #mayDial(): boolean {
    return !this.#isComplete && this.#targets.length > 0 && !this.#isStopped;
  }

  #maintain(): void {
    if (!this.#mayDial || this.#isDialling || this.#waiting !== undefined) return;
    this.#isDialling = true;
    void this.#dial().then((result) => {
      this.#isDialling = false;
      if (result === 'failed') this.#scheduleRetry();
      else this.#maintain();
      this.#host.onChange();
    });
  }

  /** Nothing is wanted: what is up goes. */
  #giveUp(): void {
    this.#reaching?.abort();
    this.#stopWaiting();
    for (const subflowId of this.subflowIds) {
      this.#forget(subflowId);
      this.#host.retire(subflowId);
    }
  }

  /** The youngest go first. */
  #trim(): void {
    for (const subflowId of [...this.#healthy].sort((a, b) => b - a)) {
      if (this.#healthy.size <= this.#wanted) return;
      this.#forget(subflowId);
      this.#host.retire(subflowId);
    }
  }

  #forget(subflowId: number): void {
    this.#healthy.delete(subflowId);
    this.#silent.delete(subflowId);
    this.#addressOf.delete(subflowId);
    this.#upSinceMs.delete(subflowId);
  }

  /** Only after one that lasted does the back-off begin anew, or it would hold back none that fail later than in their dial. */
  #judge(subflowId: number): void {
    this.#isFleeting = this.#host.clock() - (this.#upSinceMs.get(subflowId) ?? 0) < LASTING_MS;
    if (!this.#isFleeting) this.#backoff.succeed();
  }

  #stopWaiting(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }

  #scheduleRetry(): void {
    if (!this.#mayDial || this.#isDialling || this.#waiting !== undefined) return;
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      this.#maintain();
    }, this.#backoff.nextMs());
  }

  async #dial(): Promise<'up' | 'failed' | 'given up'> {
    const { uplinkName: uplink, admit, retire, remove, logger, onDial } = this.#host;
    const signal = new Cancellation();
    const targets = this.#targets;
    try {
      const { transport, address } = await this.#connect(signal);
      if (signal.aborted) {
        transport.destroy();
        return 'given up';
      }
      const [replaced] = this.#silent;
      this.#admitting = { transport, signal };
      const subflowId = await admit(transport, address, replaced)
        .catch((error: Error) => {
          transport.destroy();
          throw error;
        })
        .finally(() => {
          this.#admitting = undefined;
        });
      if (this.#wanted === 0 || this.#isStopped) {
        // A path that is stopped has another in its place, for which this one waits: it may be the session's first.
        if (this.#isStopped) retire(subflowId);
        else remove(subflowId);
        return 'given up';
      }
      if (subflowId !== replaced) {
        this.#addressOf.set(subflowId, address);
        this.#upSinceMs.set(subflowId, this.#host.clock());
      }
      this.#onUp(subflowId, replaced);
      this.#preferred = address;
      onDial('ok');
      logger.info({ uplink, subflow: subflowId, concentrator: formatDestination(address) }, 'subflow up');
      return 'up';
    } catch (error) {
      // Where it failed nobody wants to go any more.
      if (signal.aborted || this.#isStopped || targets !== this.#targets) return 'given up';
      onDial('failed');
      this.#onFailure(failureReason(uplink, error as Error));
      return 'failed';
    }
  }

  async #connect(signal: Cancellation): Promise<Reached> {
    this.#reaching = signal;
    try {
      return await this.#host.reach(this.#targets, this.#preferred, signal);
    } finally {
      this.#reaching = undefined;
    }
  }

  #onUp(subflowId: number, replaced: number | undefined): void {
    if (replaced !== undefined && replaced !== subflowId) this.#forget(replaced);
    this.#silent.delete(subflowId);
    this.#healthy.add(subflowId);
    this.#hasFailed = false;
    if (!this.#isFleeting) this.#backoff.succeed();
    this.#trim();
  }

  #onFailure(why: UplinkReason): void {
    const { uplinkName: uplink, logger } = this.#host;
    const { reason } = why;
    this.#hasFailed = true;
    // The same trouble again and again is said once.
    const isNews = reason !== this.#reason.reason && this.#healthy.size === 0;
    this.#reason = why;
    logger[isNews ? 'warn' : 'debug'](
      { uplink, concentrator: this.#targets.map(formatDestination).join(', '), reason },
      this.#healthy.size === 0 ? 'uplink not usable' : 'no further subflow',
    );
  }
}

const NOT_DIALLED: UplinkReason = { cause: 'not-dialled', reason: 'not dialled yet' };
