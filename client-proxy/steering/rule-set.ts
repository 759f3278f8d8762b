import type { Destination } from '../../shared/protocol/destination.ts';
import { networkForms } from '../../shared/runtime/address/address-ranges.ts';
import { isInNetwork, parseAddress } from '../../shared/runtime/address/ip-address.ts';
import { addressForms } from '../../shared/runtime/address/special-ranges.ts';
import { WallClocks } from '../schedule/time-span.ts';
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
  readonly #clocks = new WallClocks();
  /** Those that hold at any time, or whose time it was when that was last told. */
  #holding: readonly { readonly matches: Matcher; readonly action: SteeringAction }[];
  readonly #default: SteeringAction;

  constructor(config: SteeringConfig) {
    this.config = config;
    this.#rules = config.rules.map((rule) => ({ matches: matcherOf(rule), action: rule.action }));
    this.#default = { kind: 'steer', policy: config.default };
    this.#holding = this.#rules.filter((_, index) => config.rules[index]!.between === undefined);
  }

  /** It is so late, in milliseconds since 1970. @returns whether other rules hold now than before */
  onTime(nowMs: number): boolean {
    const before = this.#holding;
    this.#holding = this.#rules.filter((_, index) => {
      const { between } = this.config.rules[index]!;
      return between === undefined || this.#clocks.isIn(between, nowMs);
    });
    return (
      before.length !== this.#holding.length || before.some((rule, index) => rule !== this.#holding[index])
    );
  }

  /** How many rules hold now. */
  get holdingCount(): number {
    return this.#holding.length;
  }

  /** The action of the first rule that holds now and matches, or else the default. */
  decide({ destination, user }: SteeringSubject): SteeringAction {
    const host = destination.host.toLowerCase().replace(/\.$/, '');
    return (
      this.#holding.find(({ matches }) => matches(host, destination.port, user))?.action ?? this.#default
    );
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
  const parsed = (networks ?? []).flatMap(networkForms);
  return (host) => {
    const address = parseAddress(host);
    // An application may write an IPv4 address inside IPv6 to get past a rule: the rule holds for both.
    if (address !== undefined) {
      return addressForms(address).some((form) => parsed.some((network) => isInNetwork(form, network)));
    }
    if (names.has(host)) return true;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      if (names.has(`*${host.slice(dot)}`)) return true;
    }
    return false;
  };
}
