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

/** A subflow of a path. */
interface PathSubflow {
  /** Of the concentrator. */
  readonly address: Destination;
  readonly upSinceMs: number;
  /** Doubted for long: it no longer counts, and is not yet gone. */
  isSilent: boolean;
}

/**
 * Keeps one path in use with as many subflows as are wanted, dialled one after the other; another beside one that is
 * doubted for long; redialled with back-off when they are gone.
 */
export class PathDialer {
  readonly #host: PathHost;
  readonly #backoff: Backoff;
  /** By id; silent ones in the order in which they became so. */
  readonly #subflows = new Map<number, PathSubflow>();
  #targets: readonly PathTarget[] = [];
  #preferred: Destination | undefined;
  #wanted = 0;
  #isDialling = false;
  /** Gives up the dial under way, until it is connected: from then on it is carried through. */
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
    return this.#healthyIds.length > 0;
  }

  /** Those that count, and those that are silent. */
  get subflowIds(): readonly number[] {
    return [...this.#subflows.keys()];
  }

  /** Whether a subflow is one of this path's. */
  has(subflowId: number): boolean {
    return this.#subflows.has(subflowId);
  }

  /** Whether it has neither targets nor subflows, nor any that are on their way. */
  get isOver(): boolean {
    return this.#targets.length === 0 && this.#subflows.size === 0 && !this.#isDialling;
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
    for (const [subflowId, own] of this.#subflows) {
      if (formatDestination(own.address) !== where) continue;
      this.#retire(subflowId);
      this.#reason = { cause: 'no-address', reason: 'the concentrator withdrew the address' };
    }
    this.#maintain();
  }

  /** One of this path's subflows is gone. */
  onSubflowClosed(subflowId: number): void {
    const closed = this.#subflows.get(subflowId);
    this.#subflows.delete(subflowId);
    if (closed === undefined || closed.isSilent) return;
    this.#judge(closed);
    this.#reason = { cause: 'subflow-lost', reason: 'its subflow was lost' };
    this.#hasFailed = true;
    this.#scheduleRetry();
    this.#host.onChange();
  }

  /** One of this path's subflows has been doubted for long: it no longer counts. */
  onSubflowDoubted(subflowId: number): void {
    const doubted = this.#subflows.get(subflowId);
    if (doubted === undefined || doubted.isSilent) return;
    this.#judge(doubted);
    this.#reason = { cause: 'silent', reason: 'its subflow is silent' };
    this.#hasFailed = true;
    this.#subflows.delete(subflowId);
    this.#subflows.set(subflowId, { ...doubted, isSilent: true });
    this.#maintain();
    this.#host.onChange();
  }

  /** One of this path's subflows that were doubted works again. */
  onSubflowRecovered(subflowId: number): void {
    const recovered = this.#subflows.get(subflowId);
    if (recovered === undefined || !recovered.isSilent) return;
    recovered.isSilent = false;
    this.#trim();
    this.#host.onChange();
  }

  get #healthyIds(): readonly number[] {
    return [...this.#subflows].flatMap(([id, { isSilent }]) => (isSilent ? [] : [id]));
  }

  get #isComplete(): boolean {
    return this.#healthyIds.length >= this.#wanted;
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
    for (const subflowId of this.subflowIds) this.#retire(subflowId);
  }

  /** The youngest go first. */
  #trim(): void {
    const byAge = [...this.#healthyIds].sort((a, b) => a - b);
    for (const subflowId of byAge.slice(this.#wanted).reverse()) this.#retire(subflowId);
  }

  #retire(subflowId: number): void {
    this.#subflows.delete(subflowId);
    this.#host.retire(subflowId);
  }

  /** Only after one that lasted does the back-off begin anew, or it would hold back none that fail later than in their dial. */
  #judge({ upSinceMs }: PathSubflow): void {
    this.#isFleeting = this.#host.clock() - upSinceMs < LASTING_MS;
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
    const { uplinkName, onDial } = this.#host;
    const signal = new Cancellation();
    const targets = this.#targets;
    try {
      const reached = await this.#connect(signal);
      if (signal.aborted) {
        reached.transport.destroy();
        return 'given up';
      }
      return await this.#enter(reached, signal);
    } catch (error) {
      // The targets have changed, or nobody dials any more: ignore this failure.
      if (signal.aborted || this.#isStopped || targets !== this.#targets) return 'given up';
      onDial('failed');
      this.#onFailure(failureReason(uplinkName, error as Error));
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

  /** What is connected becomes a subflow of the session. */
  async #enter({ transport, address }: Reached, signal: Cancellation): Promise<'up' | 'given up'> {
    const { uplinkName: uplink, retire, remove, logger, onDial } = this.#host;
    const replaced = [...this.#subflows].find(([, { isSilent }]) => isSilent)?.[0];
    const subflowId = await this.#admit(transport, address, replaced, signal);
    if (this.#isStopped) {
      // Another path has taken the place of this one, and waits for this subflow: it may be the session's first.
      retire(subflowId);
      return 'given up';
    }
    if (this.#wanted === 0) {
      remove(subflowId);
      return 'given up';
    }
    this.#onUp(subflowId, address, replaced);
    onDial('ok');
    logger.info({ uplink, subflow: subflowId, concentrator: formatDestination(address) }, 'subflow up');
    return 'up';
  }

  async #admit(
    transport: SubflowTransport,
    address: Destination,
    replaced: number | undefined,
    signal: Cancellation,
  ): Promise<number> {
    this.#admitting = { transport, signal };
    try {
      return await this.#host.admit(transport, address, replaced);
    } catch (error) {
      transport.destroy();
      throw error;
    } finally {
      this.#admitting = undefined;
    }
  }

  #onUp(subflowId: number, address: Destination, replaced: number | undefined): void {
    // The silent one may have come back meanwhile: then the new connection was not needed.
    const known = this.#subflows.get(subflowId) ?? { address, upSinceMs: this.#host.clock() };
    if (replaced !== undefined) this.#subflows.delete(replaced);
    this.#subflows.set(subflowId, { ...known, isSilent: false });
    this.#preferred = address;
    this.#hasFailed = false;
    if (!this.#isFleeting) this.#backoff.succeed();
    this.#trim();
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

const NOT_DIALLED: UplinkReason = { cause: 'not-dialled', reason: 'not dialled yet' };
