import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ClientConfig, ConfiguredUplink } from '../config/client-config.ts';
import { LinkServers } from '../dns/link-servers.ts';
import { targetNames } from '../dns/open-target-names.ts';
import { UplinkResolvers } from '../dns/uplink-resolvers.ts';
import { attachmentOf } from '../network/attachment.ts';
import { knownInterfaces, type NetworkView } from '../network/network-view.ts';
import { pathsOf } from '../path-manager/paths.ts';
import { reach } from '../path-manager/reach.ts';
import { failureReason } from '../path-manager/uplink-cause.ts';
import { ConfiguredOpener } from '../probing/configured-opener.ts';
import type { AttachmentFinder } from '../uplink/uplink-device.ts';

interface TryDeps {
  readonly clock: MonotonicClock;
  readonly native: NativeSockets | undefined;
  /** What is known of the network, with routes. */
  readonly view: NetworkView | undefined;
}

/**
 * Connects over each of the uplinks to the concentrator and says, in the order of the uplinks, how it went: TCP, TLS and the pin.
 * The connections are closed at once; nothing is said on them. Never rejects.
 */
export function tryUplinks(
  config: ClientConfig,
  uplinks: readonly ConfiguredUplink[],
  { clock, native, view }: TryDeps,
): Promise<readonly string[]> {
  const { concentrator, dial, paths } = config;
  const attachment: AttachmentFinder = (binding, host) => attachmentOf(binding, host, view);
  const opener = new ConfiguredOpener(config, { native, attachment, clock });
  const names = targetNames({
    uplinks: () => uplinks,
    resolvers: new UplinkResolvers(
      { linkServers: new LinkServers(clock), networkInterfaces: knownInterfaces, native, attachment },
      clock,
    ),
    remembered: { of: () => [], learn() {} },
  });
  return Promise.all(
    uplinks.map(async (uplink) => {
      const targets = [...pathsOf(paths, uplink.binding, concentrator.addresses, 1).values()].flat();
      if (targets.length === 0) return 'has no address of the concentrator to go to';
      const startedMs = clock();
      try {
        const { transport } = await reach({
          uplink,
          targets,
          names,
          timeoutMs: dial.timeoutMs,
          signal: new Cancellation(),
          connect: (_, address, signal) => opener.secure(uplink, address, signal),
        });
        transport.destroy();
        return `reaches the concentrator in ${Math.round(clock() - startedMs)} ms`;
      } catch (error) {
        return failureReason(uplink.name, error as Error).reason;
      }
    }),
  );
}
