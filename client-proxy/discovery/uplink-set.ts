import type { Logger } from 'pino';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import type { NetworkView } from '../network/network-view.ts';
import type { UplinkFollower } from '../network/uplink-follower.ts';
import { type UplinkTrouble, uplinkLosses, uplinkTrouble } from '../network/uplink-trouble.ts';
import { configuredPlans, wantsSimCards } from './configured-plans.ts';
import { type DiscoveredUplink, type Discovery, discoverUplinks, type LeftOut } from './discover-uplinks.ts';

/** What the configuration says about uplinks. */
export type UplinkConfig = Pick<ClientConfig, 'uplinks' | 'autoUplinks' | 'subflowsPerPath' | 'standby'>;

export interface UplinkSetOptions {
  /** Whether sockets can be bound to an interface here; to its address otherwise. */
  readonly bindsByInterface: boolean;
  readonly maxUplinks: number;
  readonly logger: Logger;
}

/** Uplinks that are gone and still told of; older ones are forgotten. */
const MAX_DEPARTED = 16;
const NO_CONFIG: UplinkConfig = { uplinks: [], subflowsPerPath: 'auto', standby: 'make-before-break' };
const NOTHING: Discovery = { uplinks: [], leftOut: [] };

/** The uplinks there are at this moment: those of the configuration's list, and what its `auto` finds. */
export class UplinkSet {
  readonly #options: UplinkSetOptions;
  readonly #followers: UplinkFollower<ConfiguredUplink>[] = [];
  #config = NO_CONFIG;
  #view: NetworkView | undefined;
  #uplinks: readonly ConfiguredUplink[] = [];
  #discovery = NOTHING;
  /** Discovered uplinks whose interface is gone. */
  readonly #departed = new Set<string>();
  #troubles: ReadonlyMap<string, UplinkTrouble> = new Map();

  constructor(options: UplinkSetOptions) {
    this.#options = options;
  }

  /** Tells these parts of every change from now on, in this order. */
  follow(...followers: readonly UplinkFollower<ConfiguredUplink>[]): void {
    this.#followers.push(...followers);
  }

  /** The network has changed, or is known for the first time. */
  onNetwork(view: NetworkView): void {
    const before = this.#view;
    this.#view = view;
    if (before !== undefined) {
      for (const uplink of this.#uplinks) {
        for (const loss of uplinkLosses(uplink, before, view)) {
          for (const follower of this.#followers) follower.loseUplink?.(loss);
        }
      }
    }
    this.#update('the network');
    for (const follower of this.#followers) follower.retryUplinks?.();
  }

  /** The configuration has changed, or is known for the first time. */
  configure(config: UplinkConfig): void {
    this.#config = config;
    this.#departed.clear();
    this.#update('the configuration');
  }

  /** All that there are; each is another object after a change of the network or the configuration. */
  get uplinks(): readonly ConfiguredUplink[] {
    return this.#uplinks;
  }

  /** Whether the configuration names a plan so, be it that of a single uplink. */
  isPlan(name: string): boolean {
    return configuredPlans(this.#config).has(name);
  }

  /** Whether it matters which SIM card is behind an interface. */
  get wantsSimCards(): boolean {
    return wantsSimCards(this.#config);
  }

  /** Why nothing can get through each uplink now, by name, as far as the network tells. */
  get troubles(): ReadonlyMap<string, UplinkTrouble> {
    return this.#troubles;
  }

  /** The names of discovered uplinks whose interface is gone. */
  get departed(): readonly string[] {
    return [...this.#departed];
  }

  /** Interfaces that would be uplinks, by kind and configuration, and cannot be used. */
  get leftOut(): readonly LeftOut[] {
    return this.#discovery.leftOut.filter(({ isCandidate }) => isCandidate);
  }

  #update(cause: string): void {
    const { logger } = this.#options;
    const before = this.#uplinks;
    const discoveryBefore = this.#discovery;
    this.#discovery = this.#discover();
    const all = [...this.#config.uplinks, ...this.#discovery.uplinks];
    const { subflowsPerPath, standby } = this.#config;
    this.#uplinks = all.map((uplink) => ({ subflowsPerPath, standby, ...uplink, ...limitOf(uplink) }));
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
    const inUse = new Set(this.#discovery.uplinks.map((uplink: DiscoveredUplink) => uplink.interface));
    return discoverUplinks(this.#view, { auto, list, inUse, bindsByInterface, maxUplinks });
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

/** The rate limit of a metered uplink, as its session takes it. */
function limitOf({ metered }: ConfiguredUplink): Pick<ConfiguredUplink, 'rateLimit'> {
  if (metered === undefined) return {};
  const { upBytesPerSecond, downBytesPerSecond } = metered.rateLimit;
  const rateLimit = { sendBytesPerSecond: upBytesPerSecond, receiveBytesPerSecond: downBytesPerSecond };
  return { rateLimit: { ...rateLimit, isMetered: true } };
}
