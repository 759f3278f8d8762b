import type { Destination } from '../../shared/protocol/destination.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import type { ConfiguredConcentrator } from '../config/client-config.ts';
import type { UplinkFollower } from '../network/uplink-follower.ts';
import type { UplinkLoss } from '../network/uplink-trouble.ts';
import type { DialledUplink } from '../path-manager/uplink-role.ts';
import type { UplinkStatus } from '../path-manager/uplink-status.ts';
import type { PublishedService } from '../publish/published-service.ts';
import type { ConcentratorWish } from '../steering/steering-rule.ts';
import { type Concentrator, takesNow } from './concentrator.ts';
import { type Chosen, ConcentratorChoice, type ConcentratorView } from './concentrator-choice.ts';
import type { ConcentratorsOptions } from './concentrators-options.ts';
import { Member, whyAway } from './member.ts';
import { MemberList } from './member-list.ts';

/** How often it is looked at most which concentrator is the best. */
const LOOK_EVERY_MS = 200;
/** After a stream was opened, or while something is silent, silence must be noticed sooner than idle sessions are looked at. */
const LOOK_AGAIN_MS = 150;
/**
 * A concentrator that is not heard for so long, while another one is, has lost its sessions or will not be back soon: what its session
 * carries ends, though the uplinks work. Where `linger` is shorter it ends by itself.
 */
const GIVE_UP_MS = 15_000;
/** What a concentrator that carries nothing has of the rate limits, beside 1 for each that does. */
const IDLE_WEIGHT = 0.02;

/** Why an attempt to open a stream ends: there is a better place for it. */
const MOVED = new Error('another concentrator takes it');

/**
 * The concentrators of this client, each with a session that is kept ready, and the choice among them: new streams go to the best, or where
 * a rule says. With a single one it only stands in front of it.
 */
export class Concentrators implements UplinkFollower<DialledUplink> {
  readonly #options: ConcentratorsOptions;
  readonly #choice = new ConcentratorChoice();
  readonly #list = new MemberList();
  #uplinks: readonly DialledUplink[] = [];
  /** What waits at a concentrator for its session. */
  readonly #waiting = new Set<() => void>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;
  #lookAgain: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isStopped = false;
  #changes = 0;

  constructor(options: ConcentratorsOptions) {
    this.#options = options;
  }

  /**
   * These from now on, each with its services. One with the same addresses and client as before keeps its sessions, whatever it is called
   * now; those that are not among them any more take no new streams.
   */
  configure(all: readonly ConfiguredConcentrator[], services: readonly PublishedService[]): void {
    const { left, renamed } = this.#list.configure(all, (configured) => this.#make(configured));
    this.#choice.rename(renamed);
    for (const member of this.members) member.publish(services);
    this.#options.onCount(this.#list.all.length);
    for (const member of left) this.#leave(member);
    this.#assign();
    this.#look();
    if (this.#isStarted) this.start();
  }

  start(): void {
    this.#isStarted = true;
    for (const member of this.members) member.start();
  }

  /** No stream waits for a session any more. Resolves when all streams are done. */
  async drain(): Promise<void> {
    this.#wakeWaiting();
    await Promise.all(this.#list.all.map(({ it }) => it.keeper.drain()));
  }

  /** Ends all sessions; resolves when they have said so. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#lookAgain);
    this.#wakeWaiting();
    await Promise.all(this.#list.all.map(({ it }) => it.keeper.stop()));
  }

  setUplinks(uplinks: readonly DialledUplink[]): void {
    this.#uplinks = uplinks;
    this.#inOne(() => this.#assign());
  }

  loseUplink(loss: UplinkLoss): void {
    this.#inOne(() => {
      for (const { it } of this.#list.all) it.keeper.loseUplink(loss);
    });
  }

  retryUplinks(uplinkNames: ReadonlySet<string>): void {
    for (const { it } of this.#list.all) it.keeper.retryUplinks(uplinkNames);
  }

  /** As `SessionKeeper.hurry`. */
  hurry(): void {
    for (const { it } of this.#list.all) it.keeper.hurry();
  }

  /** An uplink of this name may be used for something else from now on. */
  onUseChanged(uplinkName: string): void {
    this.#inOne(() => {
      for (const { it } of this.#list.all) it.keeper.onUseChanged(uplinkName);
      this.#assign();
    });
  }

  /** No visitors any more, but those that are being served. */
  goAway(): void {
    for (const { it } of this.#list.all) it.publisher.goAway();
  }

  /** The one that new connections go to; undefined where there is none. */
  get chosen(): Concentrator | undefined {
    return this.#chosen?.it;
  }

  /** In the order of preference. */
  get members(): readonly Member[] {
    return this.#list.members;
  }

  /** The concentrators of sessions. */
  get namesOfSessions(): ReadonlyMap<object, string> {
    return this.#list.namesOfSessions;
  }

  /** Why it is chosen, or is not, for a person; empty where there is no choice. */
  whyOf(member: Member): string {
    if (this.members.length < 2) return '';
    const { keeper } = member.it;
    if (!keeper.isReachable) return whyAway(keeper);
    return this.#choice.whyOf(member.name, this.#views, this.#options.clock());
  }

  /** What applications that send datagrams have at a concentrator. */
  flowCountOf({ it }: Member): number {
    return it.keeper.drivers.reduce((sum, driver) => sum + this.#options.datagramsOf(driver).flowCount, 0);
  }

  /** How often new connections have begun to go to another one. */
  get changeCount(): number {
    return this.#changes;
  }

  /** Where they all are, as configured. */
  get addresses(): readonly Destination[] {
    return this.#list.addresses;
  }

  /** All sessions that carry streams: those of the chosen one first. */
  get drivers(): readonly SessionDriver[] {
    return this.#list.driversFrom(this.#chosen);
  }

  /**
   * Sessions for datagrams that begin to flow, the best first: of the concentrator with this name, none if it is not heard; or of all, the
   * chosen one's first.
   */
  sessions(name?: string): readonly SessionDriver[] {
    return this.#list.sessions(this.#chosen, name);
  }

  /** Datagrams begin to flow through this session. */
  onFlow(session: object): void {
    const member = this.members.find(({ it }) => it.keeper.current === session);
    if (member !== undefined) this.#use(member);
  }

  /** Of the session that new streams are opened in, once it is established. */
  get current(): SessionDriver | undefined {
    return this.#chosen?.it.keeper.current;
  }

  get isEstablished(): boolean {
    return this.#chosen?.it.keeper.isEstablished ?? false;
  }

  /** Whether any of them is heard, in a session that takes new streams. */
  get isReachable(): boolean {
    return this.members.some(({ it }) => it.keeper.isReachable);
  }

  get uplinks(): readonly UplinkStatus[] {
    return this.#chosen?.it.keeper.uplinks ?? [];
  }

  /**
   * Opens a stream as soon as there is a session for it: that of the concentrator which is wished for, or the best. Where that one cannot
   * be reached another takes it, unless no other may.
   * @param refusedBy a session that has refused it, since it is going away or is not heard
   * @throws as `SessionKeeper.openStream`
   */
  async openStream<Handlers extends StreamHandlers>(
    destination: Destination,
    policyOf: () => StreamPolicy,
    handlersOf: (driver: SessionDriver, streamId: number) => Handlers,
    signal: CancelSignal,
    refusedBy?: SessionDriver,
    wish?: ConcentratorWish,
  ): Promise<Handlers> {
    const pick = () => this.#list.pick(this.#chosen, wish, refusedBy);
    for (;;) {
      // It may have been given up in the moment in which another concentrator became the better one.
      signal.throwIfAborted();
      const member = pick();
      if (member === undefined) throw new StreamError('uplinksLost', 'there is no such concentrator');
      const { keeper } = member.it;
      this.#use(member);
      // As a rule nothing waits; what does must follow a reload, also where there is only one.
      if (this.members.length === 1 && refusedBy === undefined && takesNow(keeper))
        return keeper.openStream(destination, policyOf, handlersOf, signal);
      const turn = new Cancellation();
      const follow = () => turn.abort(signal.reason);
      const move = () => {
        const better = pick();
        if (better !== member && better?.view.isReachable === true) turn.abort(MOVED);
      };
      signal.addEventListener('abort', follow);
      this.#waiting.add(move);
      try {
        return await keeper.openStream(destination, policyOf, handlersOf, turn, refusedBy);
      } catch (error) {
        const isGone = !this.#list.has(member) && !this.#isStopped && !signal.aborted;
        if (error !== MOVED && !isGone) throw error;
      } finally {
        signal.removeEventListener('abort', follow);
        this.#waiting.delete(move);
      }
    }
  }

  get #chosen(): Member | undefined {
    return this.#list.named(this.#choice.name) ?? this.members[0];
  }

  get #views(): readonly ConcentratorView[] {
    return this.members.map(({ view }) => view);
  }

  #make(configured: ConfiguredConcentrator): Member {
    const member: Member = new Member(
      this.#options.make(configured, {
        onReviewed: () => this.#onReviewed(member),
        onChanged: () => {
          this.#look();
          this.#options.onChanged();
        },
      }),
    );
    return member;
  }

  #leave(member: Member): void {
    this.#options.logger.info({ concentrator: member.name }, 'concentrator removed: its connections go on');
    member.it.publisher.goAway();
    const { keeper } = member.it;
    this.#options.onLeft(keeper.drivers);
    void keeper
      .drain(Number.POSITIVE_INFINITY)
      .then(() => keeper.stop())
      .then(() => {
        this.#list.forget(member);
        if (!this.#isStopped) this.#assign();
        this.#options.onCount(this.#list.all.length);
      });
  }

  #onReviewed(member: Member): void {
    // One that has come up must not wait for the next review: rules send streams there.
    const isNews = member.it.keeper.isReachable !== (member.unreachableSinceMs === undefined);
    if (isNews || this.#options.clock() - this.#lookedMs >= LOOK_EVERY_MS) this.#look();
    if (member === this.#chosen) this.#options.onReviewed(member.it.keeper.uplinks);
  }

  /** A stream, or a flow of datagrams, is about to be opened in it. */
  #use(member: Member): void {
    if (this.members.length < 2) return;
    const nowMs = this.#options.clock();
    const isNews = member.isStanding || !member.isCarrying(nowMs);
    member.onOpen(nowMs);
    if (isNews) this.#assign();
    this.#lookSoon();
  }

  /** An uplink changes for all at once: until it has, whoever came first would seem to be away alone. */
  #inOne(change: () => void): void {
    const wasLooking = this.#isLooking;
    this.#isLooking = true;
    try {
      change();
    } finally {
      this.#isLooking = wasLooking;
    }
    this.#look();
  }

  /** Reads how all are, and draws the conclusions. */
  #look(): void {
    if (this.#isLooking || this.#isStopped || this.#list.all.length < 2) return;
    this.#isLooking = true;
    const nowMs = this.#options.clock();
    this.#lookedMs = nowMs;
    for (const member of this.#list.all) {
      const event = member.look(nowMs, this.#options.datagramsOf);
      if (event !== undefined && this.#list.has(member)) this.#options.onEvent(event);
    }
    this.#doubtOthers(nowMs);
    // Beside one that leaves there may be no choice.
    const isOutage = this.members.every(({ unreachableSinceMs }) => unreachableSinceMs !== undefined);
    const change = this.members.length < 2 ? undefined : this.#choice.look(this.#views, nowMs, isOutage);
    this.#assign();
    this.#isLooking = false;
    if (change !== undefined) this.#tellChosen(change);
    this.#endDead(nowMs);
    this.#wakeWaiting();
  }

  /**
   * When the chosen one falls silent it may be the uplinks that are. Then the others are silent as well, and have only not been asked: each
   * counts as reachable when it has answered since.
   */
  #doubtOthers(nowMs: number): void {
    const chosen = this.#chosen;
    const sinceMs = chosen?.unreachableSinceMs;
    if (sinceMs === undefined || chosen?.it.keeper.current?.hasSubflow !== true) return;
    this.#lookSoon();
    for (const member of this.members) {
      if (member === chosen || !member.view.isReachable || member.isHeardAfter(sinceMs, nowMs)) continue;
      member.view = { ...member.view, isReachable: false, isSilent: true };
    }
  }

  /** In a moment, for as long as something is silent or has just begun. */
  #lookSoon(): void {
    this.#lookAgain ??= setTimeout(() => {
      this.#lookAgain = undefined;
      this.#look();
    }, LOOK_AGAIN_MS);
  }

  #tellChosen({ name, isFirst, reason }: Chosen): void {
    this.#changes++;
    const { logger, onReviewed, onEvent } = this.#options;
    logger.info({ concentrator: name, reason }, 'new connections go to another concentrator');
    if (!isFirst) onEvent({ concentrator: name, kind: 'chosen', reason });
    onReviewed(this.uplinks);
  }

  /** What is to become of streams of concentrators that are not heard while another one is. */
  #endDead(nowMs: number): void {
    if (!this.members.some(({ view }) => view.isReachable)) return;
    const silent = new Set<SessionDriver>();
    for (const { it, name, unreachableSinceMs } of this.members) {
      const { current } = it.keeper;
      if (unreachableSinceMs === undefined || current === undefined) continue;
      silent.add(current);
      // A session that has just begun has no subflow yet, and is no older than its beginning.
      if (nowMs - Math.max(unreachableSinceMs, current.startedMs) < GIVE_UP_MS) continue;
      this.#options.logger.warn(
        { concentrator: name },
        'the concentrator is not heard any more: its connections end',
      );
      it.keeper.giveUp();
    }
    if (silent.size > 0) this.#options.onSilent(silent);
  }

  /** Says to each what it is, and over which uplinks it goes; also to those that leave, since all share the limits of uplinks. */
  #assign(): void {
    const members = this.#list.all;
    const nowMs = this.#options.clock();
    const chosen = this.#chosen;
    const weights = members.map((one) => (one === chosen || one.isCarrying(nowMs) ? 1 : IDLE_WEIGHT));
    const sum = weights.reduce((all, one) => all + one, 0);
    for (const [index, member] of members.entries()) {
      const isStanding = member !== chosen && this.#list.has(member) && !member.isInUse(nowMs);
      const role = { isStanding, rateShare: weights[index]! / sum };
      member.assign(this.#uplinks, role, this.#options.isUsable);
    }
  }

  #wakeWaiting(): void {
    for (const look of [...this.#waiting]) look();
  }
}
