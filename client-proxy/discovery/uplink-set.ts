import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { ClientConfig, ConfiguredUplink, PresentUplink } from '../config/client-config.ts';
import type { ConfiguredPlans } from '../metering/plan.ts';
import { attachmentOf } from '../network/attachment.ts';
import type { NetworkNeeds, NetworkView } from '../network/network-view.ts';
import type { UplinkFollower } from '../network/uplink-follower.ts';
import { situationOf } from '../network/uplink-situation.ts';
import { type UplinkTrouble, uplinkLosses, uplinkTrouble } from '../network/uplink-trouble.ts';
import { backupReason } from '../schedule/backup-condition.ts';
import { costAt } from '../schedule/cost.ts';
import { WallClocks } from '../schedule/time-span.ts';
import type { DeviceBinding } from '../uplink/uplink.ts';
import type { Attachment } from '../uplink/uplink-device.ts';
import { configuredPlans } from './configured-plans.ts';
import { type Discovery, discoverUplinks, type LeftOut } from './discover-uplinks.ts';
import { networkNeeds } from './network-needs.ts';

/** What the configuration says about uplinks. */
export type UplinkConfig = Pick<ClientConfig, 'uplinks' | 'autoUplinks' | 'subflowsPerPath' | 'standby'>;

export interface UplinkSetOptions {
  /** Whether sockets can be bound to an interface here; to its address otherwise. */
  readonly bindsByInterface: boolean;
  readonly maxUplinks: number;
  readonly wallClock: WallClock;
  readonly logger: Logger;
}

/** Uplinks that are gone and still told of; older ones are forgotten. */
const MAX_DEPARTED = 16;
const NO_CONFIG: UplinkConfig = { uplinks: [], subflowsPerPath: 'auto', standby: 'make-before-break' };
const NOTHING: Discovery = { uplinks: [], leftOut: [] };

/** The uplinks there are at this moment: those of the configuration's list, and what its `auto` finds. */
export class UplinkSet {
  readonly #options: UplinkSetOptions;
  readonly #clocks = new WallClocks();
  readonly #followers: UplinkFollower<PresentUplink>[] = [];
  #config = NO_CONFIG;
  #view: NetworkView | undefined;
  #whyUnknown: string | undefined;
  #uplinks: readonly PresentUplink[] = [];
  #discovery = NOTHING;
  /** Discovered uplinks whose interface is gone. */
  readonly #departed = new Set<string>();
  #troubles: ReadonlyMap<string, UplinkTrouble> = new Map();

  constructor(options: UplinkSetOptions) {
    this.#options = options;
  }

  /** Tells these parts of every change from now on, in this order. */
  follow(...followers: readonly UplinkFollower<PresentUplink>[]): void {
    this.#followers.push(...followers);
  }

  /** The network has changed, or is known for the first time. What concerns other interfaces alone does nothing to an uplink. */
  onNetwork(view: NetworkView): void {
    const before = this.#view;
    this.#view = view;
    this.#whyUnknown = undefined;
    if (before !== undefined) {
      for (const uplink of this.#uplinks) {
        for (const loss of uplinkLosses(uplink, before, view)) {
          for (const follower of this.#followers) follower.loseUplink?.(loss);
        }
      }
    }
    this.#update('the network', before);
    const concerned = this.#uplinks.filter((uplink) => isConcerned(uplink, before, view));
    const mayWork = concerned.filter(({ name }) => !this.#troubles.get(name)?.isCertain);
    if (mayWork.length === 0) return;
    const names = new Set(mayWork.map(({ name }) => name));
    for (const follower of this.#followers) follower.retryUplinks?.(names);
  }

  /** Nothing is known of the network, for this reason. */
  onUnknownNetwork(reason: string): void {
    this.#whyUnknown = reason;
  }

  /** The configuration has changed, or is known for the first time. */
  configure(config: UplinkConfig): void {
    this.#config = config;
    this.#departed.clear();
    this.#update('the configuration', this.#view);
  }

  /** Time has passed: what depends on the time of day may be otherwise. @returns whether it is */
  onTime(): boolean {
    const uplinks = this.#uplinks.map((uplink) => {
      const now = this.#atThisTime(uplink);
      return isDeepStrictEqual(now, uplink) ? uplink : now;
    });
    for (const [index, { name, backup, backupReason: reason, costPerGB }] of uplinks.entries()) {
      if (uplinks[index] === this.#uplinks[index]) continue;
      this.#options.logger.info(
        { uplink: name, backup, reason, costPerGB },
        'uplink: the time of day counts',
      );
    }
    if (uplinks.every((uplink, index) => uplink === this.#uplinks[index])) return false;
    this.#uplinks = uplinks;
    for (const follower of this.#followers) follower.setUplinks(uplinks);
    return true;
  }

  /** All that there are; each is another object after a change of its configuration, or of what it stands on. */
  get uplinks(): readonly PresentUplink[] {
    return this.#uplinks;
  }

  /** Whether there is one of this name. */
  has(name: string): boolean {
    return this.#uplinks.some((uplink) => uplink.name === name);
  }

  /** All plans that the configuration counts for. */
  get plans(): ConfiguredPlans {
    return configuredPlans(this.#config);
  }

  /** What has to be known of the network. */
  get networkNeeds(): NetworkNeeds {
    return networkNeeds(this.#config);
  }

  /** What a socket to `host` must be bound to so that it goes the way of the binding. */
  attachment(binding: DeviceBinding, host: string): Attachment {
    return attachmentOf(binding, host, this.#view);
  }

  /** Why nothing can get through each uplink now, by name, as far as the network tells. */
  get troubles(): ReadonlyMap<string, UplinkTrouble> {
    return this.#troubles;
  }

  /** Why nothing is known of the network, which uplinks could be found in. */
  get whyUnknown(): string | undefined {
    return this.#config.autoUplinks === undefined ? undefined : this.#whyUnknown;
  }

  /** The names of discovered uplinks whose interface is gone. */
  get departed(): readonly string[] {
    return [...this.#departed];
  }

  /** Interfaces that would be uplinks, by kind and configuration, and cannot be used. */
  get leftOut(): readonly LeftOut[] {
    return this.#discovery.leftOut.filter(({ isCandidate }) => isCandidate);
  }

  /** @param viewBefore the network as it was at the last update */
  #update(cause: string, viewBefore: NetworkView | undefined): void {
    const { logger } = this.#options;
    const before = this.#uplinks;
    const discoveryBefore = this.#discovery;
    this.#discovery = this.#discover();
    const all = [...this.#config.uplinks, ...this.#discovery.uplinks];
    const { subflowsPerPath, standby } = this.#config;
    this.#uplinks = all.map((found) => {
      const uplink = this.#atThisTime({ subflowsPerPath, standby, ...found, ...limitOf(found) });
      const known = before.find(({ name }) => name === uplink.name);
      const isAsBefore = isDeepStrictEqual(known, uplink) && !isConcerned(uplink, viewBefore, this.#view);
      return known !== undefined && isAsBefore ? known : uplink;
    });
    const names = new Set(this.#uplinks.map(({ name }) => name));
    for (const { name, interface: device } of discoveryBefore.uplinks) {
      if (!names.has(name) && !this.#isPresent(device)) this.#departed.add(name);
    }
    for (const name of names) this.#departed.delete(name);
    for (const name of this.#departed) {
      if (this.#departed.size > MAX_DEPARTED) this.#departed.delete(name);
    }
    for (const follower of this.#followers) follower.setUplinks(this.#uplinks);

    for (const { name, binding } of this.#uplinks) {
      if (before.some((other) => other.name === name)) continue;
      logger.info({ uplink: name, binding: binding.kind, cause }, 'uplink added');
    }
    for (const { name } of before) {
      if (!names.has(name)) logger.info({ uplink: name, reason: this.#whyRemoved(name) }, 'uplink removed');
    }
    this.#tellTroubles();
    this.#tellLeftOut(discoveryBefore.leftOut);
  }

  #discover(): Discovery {
    const { uplinks: list, autoUplinks: auto } = this.#config;
    if (auto === undefined || this.#view === undefined) return NOTHING;
    const { bindsByInterface, maxUplinks } = this.#options;
    const inUse = new Map(this.#discovery.uplinks.map((uplink) => [uplink.interface, uplink.name]));
    return discoverUplinks(this.#view, { auto, list, inUse, bindsByInterface, maxUplinks });
  }

  /** With what holds for it now. */
  #atThisTime(uplink: PresentUplink): PresentUplink {
    const { backupWhen, costs } = uplink;
    if (backupWhen === undefined && costs === undefined) return uplink;
    const { backupReason: _, costPerGB: __, ...rest } = uplink;
    const nowMs = this.#options.wallClock();
    const cost = costs && costAt(costs, this.#clocks, nowMs);
    const reason = backupWhen && backupReason(backupWhen, cost ?? 0, this.#clocks, nowMs);
    return {
      ...rest,
      ...(backupWhen === undefined ? {} : { backup: reason !== undefined }),
      ...(reason === undefined ? {} : { backupReason: reason }),
      ...(cost === undefined ? {} : { costPerGB: cost }),
    };
  }

  #isPresent(device: string): boolean {
    return this.#view?.interfaces.some(({ name }) => name === device) ?? false;
  }

  #whyRemoved(name: string): string {
    if (this.#departed.has(name)) return 'its interface is gone';
    const leftOut = this.#discovery.leftOut.find((one) => one.interface === name);
    return leftOut?.reason ?? 'no longer configured';
  }

  /** Once for each change. */
  #tellTroubles(): void {
    const { logger } = this.#options;
    const before = this.#troubles;
    const troubles = new Map<string, UplinkTrouble>();
    for (const uplink of this.#uplinks) {
      const { name } = uplink;
      const trouble = this.#view && uplinkTrouble(uplink, this.#view);
      if (trouble !== undefined) troubles.set(name, trouble);
      if (trouble?.reason === before.get(name)?.reason) continue;
      if (trouble === undefined) logger.info({ uplink: name }, 'uplink: its network is back');
      else logger.warn({ uplink: name, reason: trouble.reason }, 'uplink: no network');
    }
    this.#troubles = troubles;
  }

  #tellLeftOut(before: readonly LeftOut[]): void {
    const reasons = new Map(before.map((one) => [one.interface, one.reason]));
    for (const one of this.#discovery.leftOut) {
      if (reasons.get(one.interface) === one.reason) continue;
      const level = one.isCandidate ? 'info' : 'debug';
      this.#options.logger[level]({ interface: one.interface, reason: one.reason }, 'interface left out');
    }
  }
}

/** Whether a change of the network concerns an uplink. */
function isConcerned(
  uplink: ConfiguredUplink,
  before: NetworkView | undefined,
  after: NetworkView | undefined,
): boolean {
  if (before === undefined || after === undefined) return before !== after;
  return !isDeepStrictEqual(situationOf(uplink, before), situationOf(uplink, after));
}

/** The rate limit of a metered uplink, as its session takes it. */
function limitOf({ metered }: ConfiguredUplink): Pick<ConfiguredUplink, 'rateLimit'> {
  if (metered === undefined) return {};
  const { upBytesPerSecond, downBytesPerSecond } = metered.rateLimit;
  const rateLimit = { sendBytesPerSecond: upBytesPerSecond, receiveBytesPerSecond: downBytesPerSecond };
  return { rateLimit: { ...rateLimit, isMetered: true } };
}
