import type { NetworkInterface, NetworkView } from '../../../client-proxy/network/network-view.ts';

/** An interface of hardware that can be used, but for what is said otherwise. */
export function device(name: string, over: Partial<NetworkInterface> = {}): NetworkInterface {
  return {
    ...{ name, index: 2, kind: 'hardware', isUp: true, hasCarrier: true },
    ...{ addresses: ['192.168.8.100'], routes: [4] },
    ...over,
  };
}

export function view(...interfaces: NetworkInterface[]): NetworkView {
  return { interfaces };
}
