import ipaddr from 'ipaddr.js';
import type { Destination } from '../../shared/protocol/destination.ts';
import { isInNetwork, type Network, parseAddress } from '../../shared/runtime/address/ip-address.ts';
import type { SteeringAction, SteeringConfig, SteeringRule } from './steering-rule.ts';

/** What of a request rules can speak of. */
export interface SteeringSubject {
  readonly destination: Destination;
  /** The SOCKS5 user; absent where no users are configured. */
  readonly user?: string;
}

/** The rules made ready for matching: a list of thousands of names costs as much as one. */
export class RuleSet {
  readonly config: SteeringConfig;
  readonly #rules: readonly { readonly matches: Matcher; readonly action: SteeringAction }[];
  readonly #default: SteeringAction;

  constructor(config: SteeringConfig) {
    this.config = config;
    this.#rules = config.rules.map((rule) => ({ matches: matcherOf(rule), action: rule.action }));
    this.#default = { kind: 'steer', policy: config.default };
  }

  /** The action of the first rule that matches, or else the default. */
  decide({ destination, user }: SteeringSubject): SteeringAction {
    const host = destination.host.toLowerCase().replace(/\.$/, '');
    return this.#rules.find(({ matches }) => matches(host, destination.port, user))?.action ?? this.#default;
  }
}

/** `host` in lower case without trailing dot. */
type Matcher = (host: string, port: number, user: string | undefined) => boolean;

function matcherOf({ hosts, networks, ports, users }: SteeringRule): Matcher {
  const isDestination = destinationMatcher(hosts, networks);
  return (host, port, user) =>
    (ports === undefined || ports.some(({ from, to }) => port >= from && port <= to)) &&
    (users === undefined || (user !== undefined && users.includes(user))) &&
    isDestination(host);
}

function destinationMatcher(
  hosts: readonly string[] | undefined,
  networks: readonly string[] | undefined,
): (host: string) => boolean {
  if ((hosts === undefined && networks === undefined) || hosts?.includes('*')) return () => true;
  const names = new Set(hosts);
  const parsed: readonly Network[] = (networks ?? []).map((network) => ipaddr.parseCIDR(network));
  return (host) => {
    const address = parseAddress(host);
    if (address !== undefined) return parsed.some((network) => isInNetwork(address, network));
    if (names.has(host)) return true;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      if (names.has(`*${host.slice(dot)}`)) return true;
    }
    return false;
  };
}
