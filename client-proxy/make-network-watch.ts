import { networkInterfaces } from 'node:os';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import type { ClientConfig } from './config/client-config.ts';
import type { UplinkSet } from './discovery/uplink-set.ts';
import type { TargetNames } from './dns/target-names.ts';
import { IpMonitor } from './network/ip-monitor.ts';
import { NetworkReader } from './network/network-reader.ts';
import { NetworkWatch } from './network/network-watch.ts';
import { RouteTargets } from './network/route-targets.ts';
import type { Steering } from './steering/steering.ts';

/** Watches the network, and tells the uplinks and the steering what has become of it. */
export function makeNetworkWatch(
  { concentrator }: Pick<ClientConfig, 'concentrator'>,
  { clock, random, logger }: Pick<ProgramDeps, 'clock' | 'random' | 'logger'>,
  parts: { readonly uplinks: UplinkSet; readonly names: TargetNames; readonly steering: Steering },
): NetworkWatch {
  const { uplinks, names, steering } = parts;
  const targets = new RouteTargets({
    destinations: concentrator.addresses,
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
  const reader = new NetworkReader(() => targets.all, onWithoutIp);
  const watch = new NetworkWatch({
    read: () => reader.read(),
    look() {
      targets.seekUnknown();
      return [networkInterfaces(), targets.all];
    },
    monitor: (onEvent) => new IpMonitor({ onEvent, logger, clock, random }),
    onView(view) {
      uplinks.onNetwork(view);
      steering.review();
    },
    onUnknown: (reason) => uplinks.onUnknownNetwork(reason),
    logger,
  });
  return watch;
}
