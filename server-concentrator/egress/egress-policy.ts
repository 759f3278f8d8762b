import ipaddr from 'ipaddr.js';
import { MisuseError } from '../../shared/protocol/errors.ts';
import {
  type Address,
  isInNetwork,
  isSameAddress,
  type Network,
  parseAddress,
} from '../../shared/runtime/address/ip-address.ts';
import type { Nat64Prefix } from '../../shared/runtime/address/nat64.ts';
import {
  type AddressScope,
  addressForms,
  judgeAddress,
} from '../../shared/runtime/address/special-ranges.ts';
import { type EgressRule, formatEgressRule } from '../config/egress-rule.ts';

/** `reason` is for the operator's log: what was refused, by which range or rule. */
type EgressVerdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

export interface EgressPolicyOptions {
  readonly allow: readonly EgressRule[];
  readonly deny: readonly EgressRule[];
  /**
   * The addresses of this machine: those of its interfaces and, behind a one-to-one NAT, the public ones that
   * lead here. IP addresses without a zone.
   */
  readonly ownAddresses: readonly string[];
  /** The ports on which this concentrator listens for subflows. */
  readonly listenPorts: readonly number[];
  /** The prefixes of the translators (NAT64) that this machine's network is known to have now. */
  readonly nat64?: () => readonly Nat64Prefix[];
  /** Nothing else is allowed; absent: all that the other rules leave. */
  readonly only?: readonly EgressRule[] | undefined;
}

/** Rules of one client, beside those that hold for all. */
export type OwnEgressRules = Pick<EgressPolicyOptions, 'allow' | 'deny' | 'only'>;

/**
 * Which origins the concentrator dials. Both checks must pass: `checkHost` on the name the client asked for,
 * and `checkAddress` on each concrete address about to be dialled, after resolution, so that a name cannot
 * lead to an address that would be refused by itself (DNS rebinding).
 *
 * In order:
 * 1. A `deny` rule that matches wins over everything. A network matches the address; a host pattern matches
 *    the name asked for; `*` matches all. `*.example.org` means every name below `example.org`, not
 *    `example.org` itself. A host pattern does not stop a client from naming the same origin by its address.
 * 2. The concentrator's own listening ports, on its own addresses and on loopback, are refused whatever the
 *    allow rules say: such a connection can only be a loop.
 * 3. Special addresses (loopback, private, link-local, metadata, multicast, reserved ...: see `judgeAddress`)
 *    and this machine's own addresses are refused, unless an `allow` rule names a network that holds the address.
 *    An allow rule with a host pattern or `*` opens no special address, since whoever controls a name's
 *    DNS records chooses the address.
 * 4. With `only`, one of its rules must match: a network the address, a host pattern the name asked for.
 * 5. Everything else is allowed.
 *
 * An IPv6 address that carries IPv4 addresses (mapped, NAT64 also with a prefix that was found, 6to4, Teredo) passes only when
 * it and each address inside pass by themselves.
 */
export interface EgressPolicy {
  /** `host` as `normalizeHost` gives it: a lower-case name without trailing dot, or an IP address. */
  checkHost(host: string, port: number): EgressVerdict;
  /** `host` is the name that has led to the address, if one has. Port 0 is a question, to which no rule for a port applies. */
  checkAddress(address: string, port: number, host?: string): EgressVerdict;
  /** The policy for a client with rules of its own: all of both hold. The same rules give the same policy. */
  withRules(own: OwnEgressRules): EgressPolicy;
}

/** Throws MisuseError when an own address is not an IP address; the rules come checked from the configuration. */
export function createEgressPolicy(options: EgressPolicyOptions): EgressPolicy {
  const nat64 = options.nat64 ?? (() => []);
  const listenPorts = new Set(options.listenPorts);
  const own = options.ownAddresses.map(parseOwnAddress);
  const allowedNetworks = networkRules(options.allow);
  const deniedNetworks = networkRules(options.deny);
  const deniedHosts = options.deny.filter((rule) => rule.target.kind !== 'cidr');
  const isOnly = options.only === undefined ? undefined : onlyRules(options.only);
  const clientPolicies = new WeakMap<OwnEgressRules, EgressPolicy>();

  const findDenial = (forms: readonly Address[], port: number) => {
    for (const form of forms.flatMap((form) => addressForms(form, nat64()))) {
      const rule = findNetworkRule(deniedNetworks, form, port);
      if (rule) return rule;
    }
    return undefined;
  };
  const isOwn = (form: Address) => own.some((address) => isSameAddress(form, address));

  return {
    checkHost(host, port) {
      const rule = deniedHosts.find((rule) => coversPort(rule, port) && matchesHost(rule, host));
      if (rule) return refuse(`${host} port ${port} is denied by the rule "${formatEgressRule(rule)}"`);
      return isOnly?.mayPass(host, port) === false ? refuse(`${host} port ${port} ${NOT_AMONG}`) : ALLOWED;
    },

    withRules(own) {
      const known = clientPolicies.get(own);
      if (known !== undefined) return known;
      const policy = createEgressPolicy({
        ...options,
        allow: [...options.allow, ...own.allow],
        deny: [...options.deny, ...own.deny],
        only: own.only,
      });
      clientPolicies.set(own, policy);
      return policy;
    },

    checkAddress(text, port, host) {
      const prefixes = nat64();
      const forms = judgeAddress(text, prefixes);
      if (!forms) return refuse(`"${text}" is not an IP address without a zone`);
      const denied =
        deniedNetworks.length > 0 &&
        findDenial(
          forms.map(({ address }) => address),
          port,
        );
      if (denied) return refuse(`${text} port ${port} is denied by the rule "${formatEgressRule(denied)}"`);
      for (const { address, special } of forms) {
        const reachesUs = (special && LOCAL_SCOPES.has(special.scope)) || isOwn(address);
        if (reachesUs && listenPorts.has(port)) {
          return refuse(`${text} port ${port} is this concentrator itself`);
        }
        const own = isOwn(address) ? 'this machine' : undefined;
        const what = special ? `${special.name}, ${special.cidr}` : own;
        if (what && !findNetworkRule(allowedNetworks, address, port)) {
          const inside = address === forms[0]?.address ? '' : ` leads to ${address}, which`;
          return refuse(
            `${text}${inside} is a special address (${what}); egress.allow needs "${address}" to open it`,
          );
        }
      }
      const addresses = forms.map(({ address }) => address);
      if (isOnly?.matches(addresses, port, host) === false)
        return refuse(`${text} port ${port} ${NOT_AMONG}`);
      return ALLOWED;
    },
  };
}

const NOT_AMONG = 'is none of those that this client may reach (egress.only in the list of clients)';

function onlyRules(rules: readonly EgressRule[]) {
  const networks = networkRules(rules);
  const hosts = rules.filter((rule) => rule.target.kind !== 'cidr');
  const names = (host: string, port: number) =>
    hosts.some((rule) => (port === 0 || coversPort(rule, port)) && matchesHost(rule, host));
  return {
    /** Whether a host may turn out to be one of them. */
    mayPass: (host: string, port: number) => networks.length > 0 || names(host, port),
    matches: (forms: readonly Address[], port: number, host: string | undefined) =>
      names(host ?? '', port) ||
      networks.some(
        ({ network, rule }) =>
          (port === 0 || coversPort(rule, port)) && forms.some((form) => isInNetwork(form, network)),
      ),
  };
}

const ALLOWED: EgressVerdict = { allowed: true };

/** Connecting to the unspecified address reaches this machine on Linux, as loopback does. */
const LOCAL_SCOPES: ReadonlySet<AddressScope> = new Set(['loopback', 'unspecified']);

interface NetworkRule {
  readonly network: Network;
  readonly rule: EgressRule;
}

function refuse(reason: string): EgressVerdict {
  return { allowed: false, reason };
}

function parseOwnAddress(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new MisuseError(`own address "${text}" is not an IP address without a zone`);
  return address;
}

function networkRules(rules: readonly EgressRule[]): NetworkRule[] {
  return rules.flatMap((rule) =>
    rule.target.kind === 'cidr' ? [{ network: ipaddr.parseCIDR(rule.target.cidr), rule }] : [],
  );
}

function findNetworkRule(
  rules: readonly NetworkRule[],
  address: Address,
  port: number,
): EgressRule | undefined {
  return rules.find(({ network, rule }) => coversPort(rule, port) && isInNetwork(address, network))?.rule;
}

function coversPort({ ports }: EgressRule, port: number): boolean {
  return !ports || (port >= ports.from && port <= ports.to);
}

function matchesHost({ target }: EgressRule, host: string): boolean {
  if (target.kind !== 'host') return target.kind === 'any';
  const pattern = target.pattern.toLowerCase().replace(/\.$/, '');
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
