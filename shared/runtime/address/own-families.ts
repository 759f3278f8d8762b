import { type AddressScope, judgeAddress } from './special-ranges.ts';

/** Of the scopes of addresses that packets cannot come back to from elsewhere. */
const UNUSABLE: ReadonlySet<AddressScope> = new Set(['loopback', 'link', 'group', 'unspecified']);

/** Whether packets from an address of this machine can be answered from beyond the link. */
export function canBeAnswered(address: string): boolean {
  const [own] = judgeAddress(address) ?? [];
  return own !== undefined && !(own.special && UNUSABLE.has(own.special.scope));
}

/** The address families in which packets from one of these addresses can be answered from beyond the link. */
export function ownFamilies(addresses: readonly string[]): ReadonlySet<4 | 6> {
  return new Set(addresses.filter(canBeAnswered).map((address) => (address.includes(':') ? 6 : 4)));
}
