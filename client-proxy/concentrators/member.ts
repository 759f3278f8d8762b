import { isDeepStrictEqual } from 'node:util';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { ConfiguredConcentrator } from '../config/client-config.ts';
import type { SessionDatagramUse } from '../datagram/datagram-relay.ts';
import type { DialledUplink } from '../path-manager/uplink-role.ts';
import type { PublishedService } from '../publish/published-service.ts';
import { type Concentrator, viewOf } from './concentrator.ts';
import type { ConcentratorView } from './concentrator-choice.ts';
import type { ConcentratorEvent } from './concentrator-event.ts';
import { type ConcentratorRole, uplinksFor } from './standing-uplinks.ts';

/** A concentrator that has carried nothing for so long is only kept ready: a page or a pause must not cost it its subflows. */
const STAND_AFTER_MS = 30_000;
/** More in a second is no mere keeping alive. */
const CARRYING_BYTES_PER_SECOND = 1500;
const SPAN_MS = 900;
/** One in which a stream was opened counts as carrying for so long, whatever has come of it. */
const OPENED_MS = 2_000;

/** One of several concentrators, and what it is used for. */
export class Member {
  readonly it: Concentrator;
  view: ConcentratorView;
  /** Since when it has not been reached, at the last look; undefined while it is. What it is doubted for does not count. */
  unreachableSinceMs: number | undefined;
  /** Undefined until it was reached once. */
  #isReached: boolean | undefined;
  #role: ConcentratorRole = { isStanding: false, rateShare: 1 };
  #usedMs = Number.NEGATIVE_INFINITY;
  #openedMs = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isCarrying = false;
  #allUplinks: readonly DialledUplink[] = [];
  #uplinks: readonly DialledUplink[] = [];
  #isStarted = false;

  constructor(it: Concentrator) {
    this.it = it;
    this.view = { name: it.configured.name, isReachable: false, ways: new Map() };
  }

  get name(): string {
    return this.it.configured.name;
  }

  /** It is the same one, perhaps under another name, or with other secrets. */
  replace(configured: ConfiguredConcentrator): void {
    if (this.it.secrets.replace(configured)) this.it.keeper.renewSubflows();
    this.view = { ...this.view, name: this.name };
  }

  start(): void {
    if (!this.#isStarted) this.it.keeper.start();
    this.#isStarted = true;
  }

  /** Whether it is only kept ready. */
  get isStanding(): boolean {
    return this.#role.isStanding;
  }

  isInUse(nowMs: number): boolean {
    return nowMs - this.#usedMs < STAND_AFTER_MS;
  }

  isCarrying(nowMs: number): boolean {
    return this.#isCarrying || nowMs - this.#openedMs < OPENED_MS;
  }

  /** As it is at this moment; `view` is what the choice goes by. */
  get measured(): ConcentratorView {
    return viewOf(this.name, this.it.keeper);
  }

  /** A stream, or a flow of datagrams, is opened in it. */
  onOpen(nowMs: number): void {
    this.#usedMs = nowMs;
    this.#openedMs = nowMs;
  }

  /** Reads how it is. @returns that it can be reached again, or no more, if that is new */
  look(
    nowMs: number,
    datagramsOf: (driver: SessionDriver) => SessionDatagramUse,
  ): ConcentratorEvent | undefined {
    const { keeper } = this.it;
    this.view = this.measured;
    const event = this.#noteReach(this.view.isReachable);
    if (this.view.isReachable) this.unreachableSinceMs = undefined;
    else this.unreachableSinceMs ??= nowMs;
    if (keeper.drivers.some(({ streamCount }) => streamCount > 0)) this.#usedMs = nowMs;
    // Datagrams are few where an application only keeps its flow open: without UDP they would wait for each other.
    for (const driver of keeper.drivers)
      this.#usedMs = Math.max(this.#usedMs, datagramsOf(driver).usedMs ?? this.#usedMs);
    if (nowMs - this.#lookedMs >= SPAN_MS) this.#lookAtBytes(nowMs);
    return event;
  }

  #noteReach(isReachable: boolean): ConcentratorEvent | undefined {
    const before = this.#isReached;
    // Before it was reached for the first time it is not lost.
    if (isReachable || before !== undefined) this.#isReached = isReachable;
    if (before === undefined || before === isReachable) return undefined;
    const concentrator = this.name;
    if (isReachable) return { concentrator, kind: 'back', reason: 'it is heard again' };
    const { keeper } = this.it;
    return { concentrator, kind: isDraining(keeper) ? 'draining' : 'lost', reason: whyAway(keeper) };
  }

  #lookAtBytes(nowMs: number): void {
    const { keeper } = this.it;
    const bytes = keeper.drivers.reduce((sum, driver) => {
      const { sentBytes, receivedBytes } = driver.snapshot().statistics;
      return sum + sentBytes + receivedBytes;
    }, 0);
    const seconds = (nowMs - this.#lookedMs) / 1_000;
    // With another session it is less than before.
    this.#isCarrying = Math.abs(bytes - this.#bytes) / seconds > CARRYING_BYTES_PER_SECOND;
    this.#bytes = bytes;
    this.#lookedMs = nowMs;
    if (this.#isCarrying) this.#usedMs = nowMs;
  }

  /** Whether it was heard after this time, and asks for an answer where it was not. Without a session it was not. */
  isHeardAfter(sinceMs: number, nowMs: number): boolean {
    const { current } = this.it.keeper;
    if (current === undefined) return false;
    const { subflows } = current.input(() => current.snapshot());
    const isHeard = subflows.some(({ sinceHeardMs }) => nowMs - sinceHeardMs > sinceMs);
    if (!isHeard) current.input((session) => session.subflows.ask());
    return isHeard;
  }

  /** What its sessions are to use from now on. */
  assign(
    uplinks: readonly DialledUplink[],
    role: ConcentratorRole,
    isUsable: (uplinkName: string) => boolean,
  ): void {
    this.#role = role;
    const own = uplinksFor(uplinks, role, isUsable);
    // A list that was made anew tells of what its uplinks stand on, too.
    if (uplinks === this.#allUplinks && isDeepStrictEqual(own, this.#uplinks)) return;
    this.#allUplinks = uplinks;
    this.#uplinks = own;
    this.it.keeper.setUplinks(own);
  }

  /** The services of the configuration that it is to publish. */
  publish(services: readonly PublishedService[]): void {
    this.it.publisher.configure(
      services.filter(({ concentrators }) => concentrators?.includes(this.name) !== false),
    );
  }
}

type Reached = Pick<Concentrator['keeper'], 'current' | 'drivers' | 'uplinks'>;

/** It is about to stop: it has said so to an earlier session, whose streams go on, or refuses another one for it. */
export function isDraining({ current, drivers, uplinks }: Reached): boolean {
  return current === undefined && (drivers.length > 0 || uplinks.some(({ cause }) => cause === 'goingAway'));
}

/** Why a concentrator cannot be reached, for a person. */
export function whyAway({ current, drivers, uplinks }: Reached): string {
  if (current?.hasSubflow === true) return 'nothing is heard from it';
  const whyNone =
    drivers.length > 0 ? 'it is going away, what is open there goes on' : 'there is no session with it';
  const what = current === undefined ? whyNone : 'no uplink leads to it';
  const failed = uplinks.find(({ state }) => state === 'down');
  return failed === undefined ? what : `${what}: ${failed.name}: ${failed.reason}`;
}
