import { isInNetwork, parseAddress } from '../../../shared/runtime/address/ip-address.ts';
import type { AddressFamily } from '../network-view.ts';

/** Whether an address is in what iproute2 calls so: `default`, `10.0.0.0/8`, or an address alone. */
export function isInPrefix(host: string, prefix: string, family: AddressFamily): boolean {
  if (prefix === 'default') return true;
  const [base = '', length] = prefix.split('/');
  const [address, network] = [parseAddress(host), parseAddress(base)];
  const bits = length === undefined ? (family === 4 ? 32 : 128) : Number(length);
  return address !== undefined && network !== undefined && isInNetwork(address, [network, bits]);
}
