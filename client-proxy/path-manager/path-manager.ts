import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { AnnouncedAddress } from '../../shared/protocol/session/announcements.ts';
import { NO_LIMIT } from '../../shared/protocol/uplink/rate-limit.ts';
import { MAX_SUBFLOWS_PER_UPLINK } from '../../shared/protocol/uplink/wanted-subflows.ts';
import { Backoff, type BackoffBounds } from '../../shared/runtime/async/backoff.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { TargetNames } from '../dns/target-names.ts';
import type { UplinkLoss } from '../network/uplink-trouble.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { ConcentratorAddresses } from './concentrator-addresses.ts';
import { PathDialer, type PathHost } from './path-dialer.ts';
import { type PathMode, pathNumber } from './paths.ts';
import { type ConnectAddress, reach } from './reach.ts';
import { isSameUplink } from './same-uplink.ts';
import { subflowBound } from './subflow-bound.ts';
import { UplinkDemand } from './uplink-demand.ts';
import { UplinkDialer } from './uplink-dialer.ts';
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
  readonly clock: MonotonicClock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly connect: ConnectAddress;
  onDial(uplinkName: string, result: 'ok' | 'failed'): void;
  /** The states of uplinks may be others now. */
  onReviewed(): void;
}

/** What is to become a subflow. */
export interface Candidate {
  /** With `backup` as it is to be used now. */
  readonly uplink: Uplink;
  readonly transport: SubflowTransport;
  readonly address: Destination;
  /** Which of the uplink's paths, as HELLO and JOIN say it. */
  readonly path: number;
}

/** The session that the paths are for. */
export interface ManagedSession {
  /** Once there is one. */
  readonly driver: SessionDriver | undefined;
  /** Brings a transport into the session, in place of the silent subflow `replaced`; resolves to the subflow's id. */
  admit(candidate: Candidate, replaced: number | undefined): Promise<number>;
}

/** How often utilization and the time that something has lasted are looked at. */
const REVIEW_MS = 500;

/** The path manager of one session (RFC 8684 section 3.8): which uplinks and addresses its subflows are made over, and when. */
export class PathManager {
  readonly #options: PathManagerOptions;
  readonly #session: ManagedSession;
  readonly #addresses: ConcentratorAddresses;
  #dialers: readonly UplinkDialer[];
  /** Of uplinks that are not used as configured. */
  readonly #uses = new Map<string, UplinkUseWithReason>();
  readonly #demand = new UplinkDemand();
  /** Uplinks whose network is interrupted; their subflows may go on when it is not. */
  readonly #interrupted = new Set<string>();
  #isEstablished = false;
  #maxSubflows: number | undefined;
  /** While it is started. */
  #reviews: NodeJS.Timeout | undefined;

  constructor(options: PathManagerOptions, session: ManagedSession) {
    this.#options = options;
    this.#session = session;
    this.#addresses = new ConcentratorAddresses(options.addresses, (name) => options.names.known(name));
    this.#dialers = options.uplinks.map((uplink) => this.#dialerOf(uplink));
  }

  get uplinks(): readonly UplinkStatus[] {
    return this.#dialers.map((dialer) => uplinkStatus(dialer, this.#session.driver));
  }

  start(): void {
    this.#spread();
    this.#reviews = setInterval(() => this.#review(), REVIEW_MS);
    this.#review();
  }

  stop(): void {
    clearInterval(this.#reviews);
    this.#reviews = undefined;
    for (const dialer of this.#dialers) dialer.stop();
  }

  /** Something about the network has changed. */
  retryNow(): void {
    for (const dialer of this.#dialers) dialer.retryNow();
  }

  /**
   * From now on these uplinks, by name. New ones are dialled; one that is bound otherwise is dialled anew before its subflows
   * close; those that are not among them any more close theirs. A change of its role alone costs an uplink nothing.
   */
  setUplinks(uplinks: readonly DialledUplink[]): void {
    const before = new Map(this.#dialers.map((dialer) => [dialer.uplink.name, dialer]));
    this.#dialers = uplinks.map((uplink) => {
      const known = before.get(uplink.name);
      before.delete(uplink.name);
      if (known !== undefined && isSameUplink(known.uplink, uplink)) {
        known.setRole(uplink);
        return known;
      }
      known?.stop();
      for (const { id } of this.#subflowsOf(uplink.name)) this.#retire(id);
      return this.#dialerOf(uplink);
    });
    // Before anything is judged: an uplink without paths would pass for one that was tried in vain.
    this.#spread();
    for (const [uplinkName, dialer] of before) {
      dialer.stop();
      this.#interrupted.delete(uplinkName);
      this.loseUplink({ uplinkName, reason: 'its uplink was removed', kind: 'gone' });
      this.#session.driver?.input(({ uplinks }) => uplinks.limitRate(uplinkName, NO_LIMIT));
    }
    this.#limitRates();
    this.#review();
  }

  /** Subflows that cannot work now: what is under way on them goes elsewhere at once. */
  loseUplink({ uplinkName, addresses, reason, kind }: UplinkLoss): void {
    if (kind !== 'interrupted') this.#dialer(uplinkName)?.redial(addresses);
    const { driver } = this.#session;
    if (driver === undefined) return;
    for (const { id } of this.#subflowsOf(uplinkName)) {
      if (addresses?.has(driver.linkOf(id)?.local.host ?? '') === false) continue;
      if (kind === 'gone') {
        this.#options.logger.info({ subflow: id, uplink: uplinkName, reason }, 'subflow lost');
        driver.removeSubflow(id);
        this.onSubflowClosed(id, uplinkName);
      } else {
        driver.input(({ subflows }) => subflows.doubt(id, reason));
        if (kind === 'moved') this.onSubflowDoubted(id, uplinkName);
      }
    }
    if (kind === 'interrupted') this.#interrupted.add(uplinkName);
    this.#review();
  }

  /** What an uplink of this name may be used for from now on. */
  setUse(uplinkName: string, use: UplinkUseWithReason): void {
    if (use.use === 'normal') this.#uses.delete(uplinkName);
    else this.#uses.set(uplinkName, use);
    this.#dialer(uplinkName)?.setUse(use);
    this.#review();
  }

  /** WELCOME has come. */
  onEstablished(maxSubflows: number | undefined, joinElsewhere: boolean): void {
    this.#isEstablished = true;
    this.#maxSubflows = maxSubflows;
    this.#limitRates();
    if (joinElsewhere) this.#addresses.leaveConfigured();
    this.#spread();
  }

  /** Whether a further subflow may be made at an address. */
  allows(address: Destination): boolean {
    return this.#addresses.allows(address);
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
    for (const dialer of this.#dialers) dialer.leaveAddress(address);
  }

  onSubflowsWanted(uplinkName: string, count: number): void {
    this.#dialer(uplinkName)?.setWish(count);
  }

  onSubflowClosed(subflowId: number, uplinkName: string): void {
    this.#dialer(uplinkName)?.onSubflowClosed(subflowId);
  }

  onSubflowDoubted(subflowId: number, uplinkName: string): void {
    this.#dialer(uplinkName)?.onSubflowDoubted(subflowId);
  }

  onSubflowRecovered(subflowId: number, uplinkName: string): void {
    this.#dialer(uplinkName)?.onSubflowRecovered(subflowId);
  }

  #retire(subflowId: number): void {
    this.#session.driver?.input(({ subflows }) => subflows.retire(subflowId));
  }

  #setBackup(subflowId: number, isBackup: boolean): void {
    this.#session.driver?.input(({ subflows }) => subflows.setBackup(subflowId, isBackup));
  }

  #dialer(uplinkName: string): UplinkDialer | undefined {
    return this.#dialers.find(({ uplink }) => uplink.name === uplinkName);
  }

  /** Whether its network has said that nothing gets through, and nothing has since. */
  #isInterrupted(uplinkName: string): boolean {
    if (!this.#interrupted.has(uplinkName)) return false;
    if (this.#subflowsOf(uplinkName).every(({ state }) => state !== 'active')) return true;
    this.#interrupted.delete(uplinkName);
    return false;
  }

  #subflowsOf(uplinkName: string) {
    const subflows = this.#session.driver?.snapshot().subflows ?? [];
    return subflows.filter((subflow) => subflow.uplinkName === uplinkName);
  }

  #limitRates(): void {
    const { driver } = this.#session;
    for (const { uplink } of this.#dialers) {
      driver?.input(({ uplinks }) => uplinks.limitRate(uplink.name, uplink.rateLimit ?? NO_LIMIT));
    }
  }

  /** Tells all uplinks where the concentrator is now. */
  #spread(): void {
    // Before WELCOME has said how many there may be, each path is tried with one.
    const bound = this.#isEstablished
      ? subflowBound(this.#maxSubflows, this.#dialers.length)
      : MAX_SUBFLOWS_PER_UPLINK;
    for (const dialer of this.#dialers) dialer.setAddresses(this.#addresses.all, bound);
  }

  #review(): void {
    if (this.#reviews === undefined) return;
    const { clock, onReviewed } = this.#options;
    const snapshot = this.#session.driver?.snapshot();
    const utilization = new Map(snapshot?.uplinks.map((one) => [one.name, one.utilization]));
    const views = this.#dialers
      .filter(({ isStopped }) => !isStopped)
      .map(({ uplink, demandKind, isBackup, isUp, hasFailed }) => {
        const isInterrupted = this.#isInterrupted(uplink.name);
        return {
          name: uplink.name,
          kind: demandKind,
          isBackup,
          threshold: uplink.joinAboveUtilization ?? 0,
          isUp: isUp && !isInterrupted,
          hasFailed: hasFailed || isInterrupted,
          utilization: utilization.get(uplink.name) ?? 0,
        };
      });
    const wanted = this.#demand.review(views, clock(), snapshot?.boundTo);
    for (const dialer of this.#dialers) dialer.setWanted(wanted.has(dialer.uplink.name));
    onReviewed();
  }

  #dialerOf(uplink: DialledUplink): UplinkDialer {
    const { paths, names, connect, dialTimeoutMs, backoff, random, clock, logger, onDial } = this.#options;
    const session = this.#session;
    const host: PathHost = {
      uplinkName: uplink.name,
      logger,
      clock,
      reach: (targets, preferred, signal) =>
        reach({ uplink, targets, names, connect, timeoutMs: dialTimeoutMs, preferred, signal }),
      admit: async (transport, address, replaced) => {
        const { isBackup } = dialer;
        const path = pathNumber(paths, address);
        const candidate = { uplink: { ...uplink, backup: isBackup }, transport, address, path };
        const subflowId = await session.admit(candidate, replaced);
        // It may have come to another use meanwhile.
        if (dialer.isBackup !== isBackup) this.#setBackup(subflowId, dialer.isBackup);
        return subflowId;
      },
      retire: (subflowId) => {
        // Of an uplink that was taken out nothing stays, be it the last.
        if (this.#dialer(uplink.name) === undefined) session.driver?.removeSubflow(subflowId);
        else this.#retire(subflowId);
      },
      remove: (subflowId) => session.driver?.removeSubflow(subflowId),
      onDial: (result) => onDial(uplink.name, result),
      onChange: () => this.#review(),
    };
    const dialer: UplinkDialer = new UplinkDialer({
      uplink,
      mode: paths,
      host,
      setBackup: (subflowId, isBackup) => this.#setBackup(subflowId, isBackup),
      clear: () => {
        for (const { id } of this.#subflowsOf(uplink.name)) session.driver?.removeSubflow(id);
      },
      newPath: (pathHost) => new PathDialer(pathHost, new Backoff(backoff, random)),
    });
    const use = this.#uses.get(uplink.name);
    if (use !== undefined) dialer.setUse(use);
    return dialer;
  }
}
