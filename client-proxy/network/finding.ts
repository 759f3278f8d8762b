/**
 * What can be wrong with the way from this machine over an uplink to an address, in a word for programs. They are few, so that it
 * can be a label.
 */
export const FINDING_CODES = [
  'interface-missing',
  'interface-down',
  'no-carrier',
  'no-source-address',
  'address-missing',
  'no-route',
  /** A route or rule that says no: prohibit, blackhole. */
  'route-refused',
  /** There is a route, in a table that no rule names for these packets. */
  'rule-needed',
  /** Packets from the uplink's address leave over another interface. */
  'leaves-elsewhere',
  /** Reverse path filtering drops the answers. */
  'rp-filter',
  /** Two interfaces in one LAN answer ARP for one another. */
  'arp-flux',
  'gateway-silent',
  /** The machine answers, but not on this port. */
  'port-blocked',
  /** A firewall here, or a router on the way, says no. */
  'prohibited',
  /** Something else answers in the place of the concentrator. */
  'stranger',
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

/** Something that is wrong, for people, and what mends it. */
export interface Finding {
  readonly code: FindingCode;
  /** `fault`: nothing gets through. `suspicion`: it explains a failure, and is harmless where there is none. */
  readonly severity: 'fault' | 'suspicion';
  /** What is wrong, in one line. */
  readonly words: string;
  /** What mends it, in one line: a command wherever there is one. */
  readonly remedy: string;
}

/** The finding in one line. */
export function findingLine({ words, remedy }: Pick<Finding, 'words' | 'remedy'>): string {
  return `${words}; ${remedy}`;
}
