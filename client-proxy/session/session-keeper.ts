import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { Backoff } from '../../shared/runtime/async/backoff.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { LineLimit, type LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import type { UplinkFollower } from '../network/uplink-follower.ts';
import type { UplinkLoss } from '../network/uplink-trouble.ts';
import { PathPasts } from '../path-manager/path-pasts.ts';
import type { DialledUplink } from '../path-manager/uplink-role.ts';
import type { UplinkStatus } from '../path-manager/uplink-status.ts';
import { ClientSession, type ClientSessionOptions } from './client-session.ts';

export interface SessionKeeperOptions
  extends Omit<ClientSessionOptions, 'uplinks' | 'pasts' | 'onReviewed' | 'logger'> {
  readonly logger: Logger;
  /** How long a stream waits for a session before it fails; the time in which one lingers does not count. */
  readonly openTimeoutMs: number;
  /** The states of the uplinks, as the current session has them, may be others now. */
  onReviewed(uplinks: readonly UplinkStatus[]): void;
  /** Whether a stream that is opened now finds a session may be otherwise. */
  onChanged(): void;
  /** A session that carried streams is over. */
  onSessionEnded(driver: SessionDriver): void;
}

/** A session that lasted this long was a good one; the next may start at once. */
const GOOD_SESSION_MS = 10_000;
/** A change of the network begins one in no less than so long. */
const SESSION_INTERVAL_MS = 1_000;
/** How often the log says so. */
const SAY_FULL_INTERVAL_MS = 60_000;
/** How often a full session is asked whether it takes streams again. */
const ROOM_CHECK_MS = 100;
/** How often a session that is going away is asked whether its streams are done. */
const DRAIN_CHECK_MS = 250;
/** The same when the program waits for it to end, */
const LAST_STREAMS_CHECK_MS = 50;
/** and when nobody does: for days, perhaps. */
const LEFT_STREAMS_CHECK_MS = 1_000;
/** For so long it waits for a subflow that has what is left of them: a redial takes less. */
const LAST_SUBFLOW_WAIT_MS = 2_000;

/**
 * Always one session to open streams in: a new one when the last has ended or takes no new streams. Those that go away
 * live until their streams are done.
 */
export class SessionKeeper implements UplinkFollower<DialledUplink> {
  readonly #options: SessionKeeperOptions;
  /** Bounded: a concentrator can make sessions and subflows come and go as often as it likes. */
  readonly #log: LineLog;
  readonly #restart: Backoff;
  readonly #pasts = new PathPasts();
  readonly #draining = new Set<ClientSession>();
  #uplinks: readonly DialledUplink[] = [];
  #current: ClientSession | undefined;
  #currentSinceMs = 0;
  readonly #waiting = new Set<() => void>();
  #restartTimer: NodeJS.Timeout | undefined;
  #saidFullMs = Number.NEGATIVE_INFINITY;
  #roomTimer: NodeJS.Timeout | undefined;
  #isDraining = false;
  #isStopped = false;

  constructor(options: SessionKeeperOptions) {
    this.#options = options;
    this.#log = new LineLimit(options.clock).over(options.logger);
    this.#restart = new Backoff(options.backoff, options.random);
  }

  start(): void {
    this.#begin();
  }

  /**
   * No stream waits for a session any more: there is no time for it, and no further session is begun. Resolves when all streams are
   * done. Some outlive their connections: what an application has sent before it closed may still be on its way.
   * @param subflowWaitMs for so long streams wait for a subflow; beyond any linger, they end as they would have
   */
  async drain(subflowWaitMs = LAST_SUBFLOW_WAIT_MS): Promise<void> {
    this.#isDraining = true;
    clearTimeout(this.#restartTimer);
    if (!this.isEstablished) {
      const dialled = this.#current;
      this.#current = undefined;
      dialled?.close('goingAway');
    }
    this.#wakeWaiting();
    const { clock } = this.#options;
    const checkMs =
      subflowWaitMs === Number.POSITIVE_INFINITY ? LEFT_STREAMS_CHECK_MS : LAST_STREAMS_CHECK_MS;
    for (let lastSubflowMs = clock(); !this.#isStopped; ) {
      const busy = this.drivers.filter(({ streamCount }) => streamCount > 0);
      if (busy.some(({ hasSubflow }) => hasSubflow)) lastSubflowMs = clock();
      if (busy.length === 0 || clock() - lastSubflowMs > subflowWaitMs) return;
      await this.#change(checkMs, new Cancellation());
    }
  }

  /** Ends all sessions; resolves when they have said so to the concentrator. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restartTimer);
    clearInterval(this.#roomTimer);
    const sessions = this.#sessions;
    for (const session of sessions) session.close('goingAway');
    this.#wakeWaiting();
    await Promise.all(sessions.map(({ driver }) => driver?.finished));
  }

  /** The concentrator is dead, as far as can be told: what its session carries ends now, and another session is begun. */
  giveUp(): void {
    this.#current?.close('uplinksLost');
  }

  /** What these uplinks stand on has changed: those of them that wait are dialled now. */
  retryUplinks(uplinkNames: ReadonlySet<string>): void {
    for (const session of this.#sessions) session.paths.retryUplinks(uplinkNames);
    // It may be why the last session has ended.
    const sinceMs = this.#options.clock() - this.#currentSinceMs;
    if (this.#restartTimer === undefined || this.#isDraining || sinceMs < SESSION_INTERVAL_MS) return;
    clearTimeout(this.#restartTimer);
    this.#begin();
  }

  /** Dials what waits, unless that costs; the pauses between dials grow as before. */
  hurry(): void {
    for (const session of this.#sessions) session.paths.hurry();
  }

  /** This client has another key: every session proves it by a fresh subflow, and so outlives the old one. */
  renewSubflows(): void {
    for (const session of this.#sessions) session.paths.renewSubflows();
  }

  /** From now on these uplinks, in every session. */
  setUplinks(uplinks: readonly DialledUplink[]): void {
    this.#uplinks = uplinks;
    for (const session of this.#sessions) session.paths.setUplinks(uplinks);
  }

  /** The network says that subflows of an uplink have lost what they stood on. */
  loseUplink(loss: UplinkLoss): void {
    for (const session of this.#sessions) session.paths.loseUplink(loss);
  }

  /** An uplink of this name may be used for something else from now on. */
  onUseChanged(uplinkName: string): void {
    for (const session of this.#sessions) session.paths.onUseChanged(uplinkName);
  }

  /** All sessions that carry streams: the current one first. */
  get drivers(): readonly SessionDriver[] {
    return this.#sessions.flatMap(({ driver }) => driver ?? []);
  }

  /** Of the session that new streams are opened in, once it is established. */
  get current(): SessionDriver | undefined {
    return this.isEstablished ? this.#current?.driver : undefined;
  }

  get isEstablished(): boolean {
    return this.#current?.isEstablished ?? false;
  }

  /** Whether the concentrator is heard, in a session that takes new streams. */
  get isReachable(): boolean {
    const current = this.#current;
    return current?.isReady === true && current.paths.uplinks.some(isHeard);
  }

  /** Whether it has no room for another stream. */
  get isFull(): boolean {
    return this.#current?.isFull === true;
  }

  get uplinks(): readonly UplinkStatus[] {
    return this.#current?.paths.uplinks ?? [];
  }

  /**
   * Opens a stream, as soon as there is a session with a subflow. One without is left alone, though it would take the
   * stream: if the concentrator has forgotten it, its streams go with it, while this one can go to the next.
   * @param policyOf the steering policy; asked when the stream is opened
   * @param refusedBy a session that has refused it, since it is going away; the next one is waited for
   * @throws StreamError when there is none in time, or when it has no room
   */
  async openStream<Handlers extends StreamHandlers>(
    destination: Destination,
    policyOf: () => StreamPolicy,
    handlersOf: (driver: SessionDriver, streamId: number) => Handlers,
    signal: CancelSignal,
    refusedBy?: SessionDriver,
  ): Promise<Handlers> {
    let leftMs = this.#options.openTimeoutMs;
    // That it is going away may be heard later than the refusal.
    const isRefusing = () => refusedBy !== undefined && this.#current?.driver === refusedBy;
    while (!this.#current?.isReady || this.#current.isFull || isRefusing()) {
      const isFull = this.#current?.isReady === true && this.#current.isFull && !isRefusing();
      if (leftMs <= 0 || this.#isDraining || this.#isStopped) {
        if (isFull) throw new StreamError('resourceExceeded', 'the session has no room for another stream');
        throw new StreamError('uplinksLost', 'no session with the concentrator');
      }
      if (isFull) this.#awaitRoom();
      const sinceMs = this.#options.clock();
      const lingers = this.isEstablished && !isFull && !isRefusing();
      await this.#change(lingers ? undefined : leftMs, signal);
      signal.throwIfAborted();
      if (!lingers) leftMs -= this.#options.clock() - sinceMs;
    }
    return this.#current.openStream(destination, policyOf(), handlersOf);
  }

  /** The current one first. */
  get #sessions(): readonly ClientSession[] {
    return [...(this.#current === undefined ? [] : [this.#current]), ...this.#draining];
  }

  #begin(): void {
    this.#restartTimer = undefined;
    if (this.#isStopped) return;
    this.#currentSinceMs = this.#options.clock();
    const options = {
      ...this.#options,
      logger: this.#log,
      uplinks: this.#uplinks,
      pasts: this.#pasts,
      onReviewed: () => this.#options.onReviewed(this.uplinks),
    };
    const session: ClientSession = new ClientSession(options, {
      onSubflowUp: () => this.#wakeWaiting(),
      onGoingAway: () => this.#onGoingAway(session),
      onClosed: (error) => this.#onClosed(session, error),
    });
    this.#current = session;
    session.start();
  }

  #onGoingAway(session: ClientSession): void {
    if (session !== this.#current || this.#isStopped) return;
    this.#log.info(
      {},
      'the concentrator is going away: its streams go on, new ones wait for another session',
    );
    this.#draining.add(session);
    const timer = setInterval(() => {
      if (!this.#draining.has(session)) clearInterval(timer);
      else if (session.driver?.streamCount === 0) session.close('goingAway');
    }, DRAIN_CHECK_MS);
    this.#beginLater();
  }

  #onClosed(session: ClientSession, error: ErrorName): void {
    this.#draining.delete(session);
    if (session.driver !== undefined) {
      this.#options.inbound.onSessionEnded(session.driver);
      this.#options.datagrams.onSessionEnded(session.driver);
      this.#options.onSessionEnded(session.driver);
    }
    if (session !== this.#current || this.#isStopped) return;
    const words = this.#isDraining ? 'the session is over' : 'the session is over, starting another';
    this.#log.warn({ error }, words);
    this.#beginLater();
  }

  #beginLater(): void {
    this.#current = undefined;
    if (this.#options.clock() - this.#currentSinceMs > GOOD_SESSION_MS) this.#restart.succeed();
    if (!this.#isDraining) this.#restartTimer = setTimeout(() => this.#begin(), this.#restart.nextMs());
    this.#wakeWaiting();
  }

  /** Resolves when something about the sessions has changed, the signal aborts, or `waitMs` have passed. */
  #change(waitMs: number | undefined, signal: CancelSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = waitMs === undefined ? undefined : setTimeout(done, waitMs);
      signal.addEventListener('abort', done);
      this.#waiting.add(done);
    });
  }

  /** Wakes those that wait as soon as streams of the full session have ended. */
  #awaitRoom(): void {
    if (this.#roomTimer !== undefined) return;
    const nowMs = this.#options.clock();
    if (nowMs - this.#saidFullMs >= SAY_FULL_INTERVAL_MS) {
      this.#saidFullMs = nowMs;
      this.#log.warn(
        { streams: this.#current?.driver?.streamCount },
        'the session is full: new connections wait until others end (limits.streamsPerSession at the concentrator)',
      );
    }
    this.#roomTimer = setInterval(() => {
      if (this.#current?.isFull && !this.#isDraining && this.#waiting.size > 0) return;
      clearInterval(this.#roomTimer);
      this.#roomTimer = undefined;
      this.#wakeWaiting();
    }, ROOM_CHECK_MS);
  }

  #wakeWaiting(): void {
    for (const wake of [...this.#waiting]) wake();
    this.#options.onChanged();
  }
}

function isHeard({ isUp, state }: UplinkStatus): boolean {
  return isUp && state !== 'doubted';
}
