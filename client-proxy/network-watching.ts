import { networkInterfaces } from 'node:os';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import type { ClientConfig } from './config/client-config.ts';
import { routeDestinations } from './config/route-destinations.ts';
import type { UplinkSet } from './discovery/uplink-set.ts';
import type { TargetNames } from './dns/target-names.ts';
import { IpMonitor } from './network/ip-monitor.ts';
import { NetworkReader, type NetworkSource } from './network/network-reader.ts';
import { type NetworkMonitor, NetworkWatch } from './network/network-watch.ts';
import { RouteTargets } from './network/route-targets.ts';
import { SimCards } from './network/sim-cards.ts';
import type { Steering } from './steering/steering.ts';

/** Where a client learns of the network and its changes: many in one process can share one. */
export interface NetworkAccess {
  readonly source: NetworkSource;
  monitor(onEvent: () => void): NetworkMonitor;
}

/** What a {@link NetworkWatch} is made of besides its parts. */
export interface NetworkWatchDeps extends Pick<ProgramDeps, 'clock' | 'random' | 'logger'> {
  /** This machine, by iproute2, where absent. */
  readonly network?: NetworkAccess;
}

/** What watches the network, with routes to where the concentrator is known to be and SIM cards where they are wanted. */
export function makeNetworkWatch(
  config: Pick<ClientConfig, 'mode' | 'concentrators'>,
  { clock, random, logger, network }: NetworkWatchDeps,
  parts: {
    readonly uplinks: UplinkSet;
    readonly names: TargetNames;
    readonly steering: Steering;
    readonly concentrators: Pick<Concentrators, 'addresses'>;
    /** The network may be another one now. */
    onChanged(): void;
  },
): NetworkWatch {
  const { mode } = config;
  const { uplinks, names, steering, concentrators, onChanged } = parts;
  const targets = new RouteTargets({
    destinations: () => (mode === 'direct' ? routeDestinations(config) : concentrators.addresses),
    known: (name) => names.known(name),
    // A name that is known now may have a route that was not asked for.
    seek: async (name) => {
      await names.seek(name);
      watch.refresh();
    },
    clock,
  });
  const onWithoutIp = (reason: string) => {
    logger.info({ reason }, 'no iproute2: interfaces are known by name, routes are not known');
  };
  const reader = new NetworkReader(
    () => targets.all,
    onWithoutIp,
    network?.source,
    (one) => uplinks.networkNeeds.importanceOf(one),
  );
  const simCards = new SimCards({
    isWanted: () => uplinks.networkNeeds.wantsSimCards,
    onNews: () => watch.refresh(),
  });
  const watch = new NetworkWatch({
    read: async () => simCards.addTo(await reader.read()),
    look() {
      targets.seekUnknown();
      return [networkInterfaces(), targets.all];
    },
    monitor: (onEvent) => network?.monitor(onEvent) ?? new IpMonitor({ onEvent, logger, clock, random }),
    onView(view) {
      uplinks.onNetwork(view);
      steering.review();
      onChanged();
    },
    onUnknown: (reason) => uplinks.onUnknownNetwork(reason),
    logger,
  });
  return watch;
}
