/** Why nothing is measured with a concentrator that has no measurements. */
export const OLDER = 'the concentrator is older than this client and cannot tell: bring it up to date';
/** Why nothing is measured with one that ends, or that has enough to do with this client. */
export const NO_MEASUREMENTS_NOW = 'the concentrator takes no measurements now: see authentication';
/** Why nothing is asked of a concentrator that is nowhere. */
export const NO_ADDRESS = 'no address of the concentrator answers';
/** Why a later check measures nothing with one that took part in those before it. */
export const REFUSED_MEANWHILE =
  'the concentrator took part a moment ago, and refuses measurements now: try again in a while';
/** Why nothing is said of interfaces and addresses where the system does not tell them. */
export const NETWORK_UNKNOWN = 'the interfaces of this machine cannot be read: see network';

/** What gives an interface an address. */
export function askForAddress(name: string): string {
  return `have it ask for one (DHCP), for example: networkctl renew ${name}, or: dhclient ${name}`;
}
