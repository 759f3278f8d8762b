import type { Destination } from '../../shared/protocol/destination.ts';
import type { NetworkInterfaces, NetworkNeeds, NetworkView } from '../network/network-view.ts';
import type { ClientCliDeps } from './client-cli-deps.ts';

/** What this system tells of its network. */
export interface KnownNetwork {
  readonly view?: NetworkView;
  readonly interfaces?: NetworkInterfaces;
  /** Why there is no view. */
  readonly problem?: string;
}

/** The network as it is now, with routes towards these addresses; some systems do not tell. Never rejects. */
export async function knownNetwork(
  deps: Pick<ClientCliDeps, 'readNetwork' | 'networkInterfaces'>,
  destinations: readonly Destination[],
  needs?: NetworkNeeds,
): Promise<KnownNetwork> {
  const interfaces = listed(deps);
  try {
    return { view: await deps.readNetwork(destinations, needs), ...interfaces };
  } catch (error) {
    return { problem: (error as Error).message, ...interfaces };
  }
}

function listed({
  networkInterfaces,
}: Pick<ClientCliDeps, 'networkInterfaces'>): Pick<KnownNetwork, 'interfaces'> {
  try {
    return { interfaces: networkInterfaces() };
  } catch {
    return {};
  }
}
