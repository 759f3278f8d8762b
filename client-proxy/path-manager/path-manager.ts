import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { AnnouncedAddress } from '../../shared/protocol/session/announcements.ts';
import { NO_LIMIT } from '../../shared/protocol/uplink/rate-limit.ts';
import { MAX_SUBFLOWS_PER_UPLINK } from '../../shared/protocol/uplink/wanted-subflows.ts';
import { Backoff, type BackoffBounds } from '../../shared/runtime/async/backoff.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { TargetNames } from '../dns/target-names.ts';
import type { UplinkLoss } from '../network/uplink-trouble.ts';
import type { PacketSizes } from '../packet-size/packet-sizes.ts';
import { ConcentratorAddresses } from './concentrator-addresses.ts';
import { type ExplainFailure, explainedReach } from './explained-reach.ts';
import { LeftOutAddresses } from './left-out-addresses.ts';
import { type ManagedSession, ManagedSubflows } from './managed-subflows.ts';
import type { PathPasts } from './path-pasts.ts';
import type { PathMode } from './paths.ts';
import type { ConnectAddress } from './reach.ts';
import { isSameUplink } from './same-uplink.ts';
import { SessionLoad } from './session-load.ts';
import { subflowBound, subflowRoom } from './subflow-bound.ts';
import { wantedUplinks } from './uplink-demand.ts';
import { UplinkDialer, type UplinkDialling } from './uplink-dialer.ts';
import type { DialledUplink } from './uplink-role.ts';
import { type UplinkStatus, uplinkStatus } from './uplink-status.ts';
import type { UplinkUseWithReason } from './uplink-use.ts';

export interface PathManagerOptions {
  readonly uplinks: readonly DialledUplink[];
  /** The concentrator's addresses as configured. */
  readonly addresses: readonly Destination[];
  readonly paths: PathMode;
  readonly names: TargetNames;
  /** For resolving, and for one connection. */
  readonly dialTimeoutMs: number;
  readonly backoff: BackoffBounds;
  /** What earlier sessions have found out, and later ones will want to know. */
  readonly pasts: PathPasts;
  readonly clock: MonotonicClock;
  readonly random: () => number;
  readonly logger: LineLog;
  readonly connect: ConnectAddress;
  readonly packetSizes: PacketSizes;
  /** Absent: failures are told as they are. */
  readonly explain?: ExplainFailure;
  /** What an uplink may be used for now. */
  useOf(uplinkName: string): UplinkUseWithReason;
  onDial(uplinkName: string, result: 'ok' | 'failed'): void;
  /** The states of uplinks may be others now. */
  onReviewed(): void;
}

/** How often utilization and the time that something has lasted are looked at, */
const REVIEW_MS = 500;
/** and while the session has no stream. Each look wakes a machine that would sleep; what happens by itself is reviewed at once. */
const IDLE_REVIEW_MS = 1_000;

/** The path manager of one session (RFC 8684 section 3.8): which uplinks and addresses its subflows are made over, and when. */
export class PathManager {
  readonly #options: PathManagerOptions;
  readonly #session: ManagedSession;
  readonly #subflows: ManagedSubflows;
  readonly #addresses: ConcentratorAddresses;
  readonly #leftOut = new LeftOutAddresses();
  readonly #dialling: UplinkDialling;
  readonly #load = new SessionLoad();
  /** By name, in the order of preference. */
  #dialers: ReadonlyMap<string, UplinkDialer>;
  #isEstablished = false;
  #maxSubflows: number | undefined;
  /** While it is started. */
  #reviews: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: PathManagerOptions, session: ManagedSession) {
    this.#options = options;
    this.#session = session;
    this.#subflows = new ManagedSubflows(session);
    this.#addresses = new ConcentratorAddresses(options.addresses, (name) => options.names.known(name));
    const { names, connect, dialTimeoutMs: timeoutMs, backoff, random, logger, clock } = options;
    this.#dialling = {
      mode: options.paths,
      subflows: this.#subflows,
      logger,
      clock,
      packetSizes: options.packetSizes,
      reach: (uplink, targets, choice, signal) => {
        const isLeftOut = (address: Destination) => this.#leftOut.has(address);
        const reaching = { uplink, targets, names, connect, timeoutMs, choice, isLeftOut, signal };
        return explainedReach(reaching, options.explain);
      },
      newBackoff: () => new Backoff(backoff, random),
      pasts: options.pasts,
      isBusy: () => this.#load.isBusy,
      hasUplink: (uplinkName) => this.#dialers.has(uplinkName),
      onDial: (uplinkName, result) => options.onDial(uplinkName, result),
      onChange: () => this.#review(),
    };
    this.#dialers = new Map(options.uplinks.map((uplink) => [uplink.name, this.#dialerOf(uplink)]));
  }

  get uplinks(): readonly UplinkStatus[] {
    return [...this.#dialers.values()].map((dialer) => uplinkStatus(dialer, this.#session.driver));
  }

  /** Those that may carry datagrams, as far as their use and their role say. */
  get datagramUplinks(): readonly DialledUplink[] {
    const used = [...this.#dialers.values()].filter(({ use }) => use.use !== 'stopped');
    return used.map(({ uplink }) => uplink).filter(({ isStanding }) => isStanding !== true);
  }

  start(): void {
    this.#spread();
    this.#reviewLater();
    this.#review();
  }

  /** No dials and no timers any more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#reviews);
    this.#reviews = undefined;
    for (const dialer of this.#dialers.values()) dialer.stop();
  }

  /** What these uplinks stand on has changed, or something else that concerns all: what failed may work now. */
  retryUplinks(uplinkNames: ReadonlySet<string> = new Set(this.#dialers.keys())): void {
    for (const [name, dialer] of this.#dialers) if (uplinkNames.has(name)) dialer.paths.retryNow();
  }

  /** As `PathDialer.hurry`. */
  hurry(): void {
    for (const dialer of this.#dialers.values()) dialer.paths.hurry();
  }

  /** Dials a subflow more on every path in use; what is then one too many is taken out of use in good order. */
  renewSubflows(): void {
    for (const dialer of this.#dialers.values()) dialer.paths.renew();
  }

  /**
   * From now on these uplinks, by name. New ones are dialled; one that is bound otherwise is dialled anew before its subflows
   * close; those that are not among them any more close theirs. A change of its role alone costs an uplink nothing.
   */
  setUplinks(uplinks: readonly DialledUplink[]): void {
    if (this.#isStopped) return;
    const removed = new Map(this.#dialers);
    for (const { name } of uplinks) removed.delete(name);
    this.#dialers = new Map(
      uplinks.map((uplink) => [uplink.name, this.#takeOver(this.#dialers.get(uplink.name), uplink)]),
    );
    // Before anything is judged: an uplink without paths would pass for one that was tried in vain.
    this.#spread();
    for (const [uplinkName, dialer] of removed) {
      dialer.stop();
      this.loseUplink({ uplinkName, reason: 'its uplink was removed', kind: 'gone' });
      this.#session.driver?.input(({ uplinks }) => uplinks.limitRate(uplinkName, NO_LIMIT));
    }
    this.#tellUplinks();
    this.#review();
  }

  /** Subflows that cannot work now: what is under way on them goes elsewhere at once. */
  loseUplink({ uplinkName, addresses, reason, kind }: UplinkLoss): void {
    if (this.#isStopped) return;
    const dialer = this.#dialers.get(uplinkName);
    if (kind !== 'interrupted') dialer?.redial(addresses);
    if (this.#session.driver === undefined) return;
    for (const { id } of this.#subflows.of(uplinkName)) {
      if (addresses?.has(this.#subflows.localHostOf(id) ?? '') === false) continue;
      if (kind === 'gone') {
        this.#options.logger.info({ subflow: id, uplink: uplinkName, reason }, 'subflow lost');
        this.#subflows.remove(id);
        dialer?.paths.onSubflowClosed(id);
      } else {
        this.#subflows.doubt(id, reason);
        if (kind === 'moved') dialer?.paths.onSubflowDoubted(id, true);
      }
    }
    if (kind === 'interrupted') dialer?.interrupt();
    this.#review();
  }

  /** An uplink of this name may be used for something else from now on. */
  onUseChanged(uplinkName: string): void {
    this.#dialers.get(uplinkName)?.setUse(this.#options.useOf(uplinkName));
    this.#review();
  }

  /** WELCOME has come. */
  onEstablished(maxSubflows: number | undefined, joinElsewhere: boolean): void {
    this.#isEstablished = true;
    this.#maxSubflows = maxSubflows;
    this.#tellUplinks();
    if (joinElsewhere) this.#addresses.leaveConfigured();
    this.#spread();
  }

  /** Whether a further subflow may be made at an address. */
  allows(address: Destination): boolean {
    return this.#addresses.allows(address);
  }

  /** Another machine answers there, while the session works over other subflows: not dialled as long as it does. */
  leaveOut(address: Destination): void {
    const concentrator = formatDestination(address);
    this.#options.logger.warn(
      { concentrator },
      'another concentrator answers at this address, and does not know the session: leaving the address out',
    );
    this.#leftOut.add(address);
  }

  onAddressAdded(addressId: number, { address, port, joinHere }: AnnouncedAddress): void {
    const { logger } = this.#options;
    if (!joinHere) this.#addresses.leaveConfigured();
    const taken = this.#addresses.add(addressId, address, port);
    if (taken?.refused !== undefined) {
      logger.warn({ reason: taken.refused }, 'an address that the concentrator announced is not used');
    } else if (taken !== undefined) {
      const concentrator = formatDestination(taken.address);
      logger.info({ concentrator, joinHere }, 'the concentrator announced an address');
    }
    this.#spread();
  }

  onAddressRemoved(addressId: number): void {
    const address = this.#addresses.remove(addressId);
    if (address === undefined) return;
    this.#options.logger.info(
      { concentrator: formatDestination(address) },
      'the concentrator withdrew an address',
    );
    this.#spread();
    for (const dialer of this.#dialers.values()) dialer.paths.leaveAddress(address);
  }

  onSubflowsWanted(uplinkName: string, count: number): void {
    this.#dialers.get(uplinkName)?.setWish(count);
  }

  /** Some subflows of an uplink are replaced by others from other ports, which may take other paths. */
  onPathSearch(uplinkName: string, extra: number, surplus: readonly number[]): void {
    this.#dialers.get(uplinkName)?.search(extra, surplus);
  }

  onSubflowClosed(subflowId: number, uplinkName: string): void {
    this.#dialers.get(uplinkName)?.paths.onSubflowClosed(subflowId);
  }

  onSubflowDoubted(subflowId: number, uplinkName: string, isFailed: boolean): void {
    this.#dialers.get(uplinkName)?.paths.onSubflowDoubted(subflowId, isFailed);
  }

  onSubflowRecovered(subflowId: number, uplinkName: string): void {
    this.#dialers.get(uplinkName)?.paths.onSubflowRecovered(subflowId);
  }

  /** Without a subflow that works every address is worth a try: the session may be there, or must be given up. */
  #reconsider(): void {
    const subflows = this.#session.driver?.snapshot().subflows ?? [];
    if (subflows.some(({ state }) => state === 'active')) return;
    this.#leftOut.clear();
    this.retryUplinks();
  }

  /** What the session is to know of each uplink. */
  #tellUplinks(): void {
    const { driver } = this.#session;
    const room = subflowRoom(this.#maxSubflows, this.#dialers.size);
    for (const { uplink } of this.#dialers.values()) {
      driver?.input(({ uplinks }) => {
        uplinks.limitRate(uplink.name, uplink.rateLimit ?? NO_LIMIT);
        const { subflowsPerPath: count = 'auto' } = uplink;
        // In other modes paths are told apart already.
        const isOnePath = this.#options.paths === 'per-uplink';
        uplinks.searchPaths(uplink.name, count === 'auto' || !isOnePath ? 1 : count, room);
      });
    }
  }

  /** Tells all uplinks where the concentrator is now. */
  #spread(): void {
    // Before WELCOME has said how many there may be, each path is tried with one.
    const bound = this.#isEstablished
      ? subflowBound(this.#maxSubflows, this.#dialers.size)
      : MAX_SUBFLOWS_PER_UPLINK;
    for (const dialer of this.#dialers.values()) dialer.setAddresses(this.#addresses.all, bound);
  }

  #reviewLater(): void {
    const waitMs = this.#session.driver?.streamCount === 0 ? IDLE_REVIEW_MS : REVIEW_MS;
    this.#reviews = setTimeout(() => {
      this.#reviewLater();
      this.#review();
    }, waitMs);
  }

  #review(): void {
    if (this.#reviews === undefined) return;
    if (!this.#leftOut.isEmpty) this.#reconsider();
    const { clock, onReviewed } = this.#options;
    const snapshot = this.#session.driver?.snapshot();
    const { sentBytes = 0, receivedBytes = 0 } = snapshot?.statistics ?? {};
    if (this.#load.review(sentBytes + receivedBytes, clock()))
      for (const { paths } of this.#dialers.values()) paths.onBusy();
    const utilization = new Map(snapshot?.uplinks.map((one) => [one.name, one.utilization]));
    const views = [...this.#dialers].flatMap(
      ([name, dialer]) => dialer.demandView(utilization.get(name) ?? 0) ?? [],
    );
    const wanted = wantedUplinks(views, clock(), snapshot?.boundTo);
    for (const [name, dialer] of this.#dialers) {
      dialer.setWanted(wanted.has(name));
      dialer.paths.tryFullSize();
    }
    onReviewed();
  }

  /** The dialler of an uplink from now on. @param before that of the uplink of this name until now */
  #takeOver(before: UplinkDialer | undefined, uplink: DialledUplink): UplinkDialer {
    if (before !== undefined && isSameUplink(before.uplink, uplink)) {
      before.setRole(uplink);
      return before;
    }
    before?.stop();
    for (const { id } of this.#subflows.of(uplink.name)) this.#subflows.retire(id);
    return this.#dialerOf(uplink);
  }

  #dialerOf(uplink: DialledUplink): UplinkDialer {
    const dialer = new UplinkDialer(uplink, this.#dialling);
    dialer.setUse(this.#options.useOf(uplink.name));
    return dialer;
  }
}
