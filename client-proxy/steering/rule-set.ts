import type { Destination } from '../../shared/protocol/destination.ts';
import { networkForms } from '../../shared/runtime/address/address-ranges.ts';
import { isInNetwork, parseAddress } from '../../shared/runtime/address/ip-address.ts';
import { addressForms } from '../../shared/runtime/address/special-ranges.ts';
import { WallClocks } from '../schedule/time-span.ts';
import type { SteeringAction, SteeringConfig, SteeringRule } from './steering-rule.ts';

/** What of a request rules can speak of. */
export interface SteeringSubject {
  readonly destination: Destination;
  /** Who has logged in; absent where no users are configured. */
  readonly user?: string;
  /** What an application calls a destination that is an address, in lower case without trailing dot. It may call it what it likes. */
  readonly name?: string;
  /** Absent: a connection. */
  readonly protocol?: 'udp';
}

/** What happens to a request. */
export interface ChosenAction {
  readonly action: SteeringAction;
  /** What has chosen it; absent: the default. */
  readonly rule?: SteeringRule;
}

/** The rules made ready for matching: a list of thousands of names costs as much as one. */
export class RuleSet {
  readonly config: SteeringConfig;
  readonly #rules: readonly PreparedRule[];
  readonly #clocks = new WallClocks();
  /** Those that hold at any time, or whose time it was when that was last told. */
  #holding: readonly PreparedRule[];
  readonly #default: SteeringAction;
  readonly #datagramDefault: SteeringAction;

  constructor(config: SteeringConfig) {
    this.config = config;
    this.#rules = config.rules.map(prepare);
    this.#default = { kind: 'steer', policy: config.default };
    this.#datagramDefault = { kind: 'steer', policy: config.datagrams };
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

  /**
   * The action of the first rule that holds now and matches, with that rule, or else the default. A rule that matches by
   * `subject.name` alone does not open private networks: whoever wants to get there would only have to say that name.
   */
  choose(subject: SteeringSubject): ChosenAction {
    const host = hostOf(subject);
    const found = this.#holding.find(
      (rule) => rule.concerns(subject) && rule.isDestination(host, subject.name),
    );
    const isDatagram = subject.protocol === 'udp';
    if (found === undefined) return { action: isDatagram ? this.#datagramDefault : this.#default };
    const { rule } = found;
    const action = isDatagram ? found.datagramAction : found.action;
    return action.kind !== 'direct' || found.isDestination(host, undefined)
      ? { action, rule }
      : { action: { ...action, isPublicOnly: true }, rule };
  }

  /** Whether the name behind a destination that is an address could change what is decided for it. */
  wantsName(subject: SteeringSubject): boolean {
    const host = hostOf(subject);
    for (const rule of this.#holding) {
      if (!rule.concerns(subject)) continue;
      if (rule.isDestination(host, undefined)) return false;
      if (rule.hasNames) return true;
    }
    return false;
  }
}

interface PreparedRule {
  readonly rule: SteeringRule;
  readonly action: SteeringAction;
  readonly datagramAction: SteeringAction;
  readonly hasNames: boolean;
  /** Whether all conditions but those on the destination are met. */
  concerns(subject: SteeringSubject): boolean;
  /** `host` and `name` in lower case without trailing dot. */
  isDestination(host: string, name: string | undefined): boolean;
}

function hostOf({ destination }: SteeringSubject): string {
  return destination.host.toLowerCase().replace(/\.$/, '');
}

function prepare(rule: SteeringRule): PreparedRule {
  const { hosts, networks, ports, users, protocol, action, datagramAction = action } = rule;
  return {
    rule,
    action,
    datagramAction,
    hasNames: hosts !== undefined,
    concerns: ({ destination: { port }, user, protocol: asked = 'tcp' }) =>
      (protocol === undefined || protocol === asked) &&
      (ports === undefined || ports.some(({ from, to }) => port >= from && port <= to)) &&
      (users === undefined || (user !== undefined && users.includes(user))),
    isDestination: destinationMatcher(hosts, networks),
  };
}

function destinationMatcher(
  hosts: readonly string[] | undefined,
  networks: readonly string[] | undefined,
): (host: string, name: string | undefined) => boolean {
  if ((hosts === undefined && networks === undefined) || hosts?.includes('*')) return () => true;
  const names = new Set(hosts);
  const parsed = (networks ?? []).flatMap(networkForms);
  const isNamed = (name: string) => {
    if (names.has(name)) return true;
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      if (names.has(`*${name.slice(dot)}`)) return true;
    }
    return false;
  };
  return (host, name) => {
    const address = parseAddress(host);
    if (address === undefined) return isNamed(host);
    // An application may write an IPv4 address inside IPv6 to get past a rule: the rule holds for both.
    const isInside = addressForms(address).some((form) =>
      parsed.some((network) => isInNetwork(form, network)),
    );
    return isInside || (name !== undefined && isNamed(name));
  };
}
