/**
 * An address of a connection as rules and clients know it: a dual-stack socket spells IPv4 inside IPv6, and a zone names an
 * interface of this machine.
 */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}
