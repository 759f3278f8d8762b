import { isIP, isIPv4 } from 'node:net';
import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import { UplinkError } from '../uplink/uplink-error.ts';
import { RememberedAddresses } from './remembered-addresses.ts';
import { systemAddresses } from './system-addresses.ts';
import { TargetNames } from './target-names.ts';
import type { ResolvingUplink } from './uplink-dns-route.ts';
import type { UplinkResolver, UplinkResolvers } from './uplink-resolvers.ts';

export interface TargetNamesOptions {
  /** The concentrator's addresses as configured. */
  readonly addresses: readonly Destination[];
  /** Where those that were good are kept. */
  readonly file: string;
  /** The uplinks that there are now. */
  uplinks(): readonly ResolvingUplink[];
  readonly resolvers: UplinkResolvers;
  readonly logger: Pick<Logger, 'warn' | 'info'>;
}

/** The addresses of the concentrator's names, by the name servers of each uplink, the system's, and what is kept on disk. */
export async function openTargetNames(options: TargetNamesOptions): Promise<TargetNames> {
  const { addresses, file, uplinks, resolvers, logger } = options;
  const names = addresses.map(({ host }) => host).filter((host) => isIP(host) === 0);
  return targetNames({ uplinks, resolvers, remembered: await RememberedAddresses.open(file, names, logger) });
}

/** The same with what is kept in any place, or in none. */
export function targetNames({
  uplinks,
  resolvers,
  remembered,
}: Pick<TargetNamesOptions, 'uplinks' | 'resolvers'> & {
  readonly remembered: Pick<RememberedAddresses, 'of' | 'learn'>;
}): TargetNames {
  const resolverOf = (uplinkName: string): UplinkResolver => {
    const uplink = uplinks().find(({ name }) => name === uplinkName);
    if (uplink !== undefined) return resolvers.of(uplink);
    throw new UplinkError(uplinkName, 'networkFailure', 'it is not there any more');
  };
  return new TargetNames({
    ofUplink: async (uplinkName, name, signal) => resolverOf(uplinkName).names.resolve(name, signal),
    async dialled(uplinkName, all, signal) {
      if (!all.some(isIPv4)) return all;
      const { translators } = resolverOf(uplinkName);
      await translators.learnFor(all.filter(isIPv4), signal);
      return translators.reachable(all);
    },
    remembered: (name) => remembered.of(name),
    onReached: (name, address) => remembered.learn(name, address),
    ofSystem: systemAddresses,
  });
}
