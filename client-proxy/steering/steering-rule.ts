import { MAX_STEERED_UPLINKS } from '../../shared/protocol/codec/wire.ts';
import {
  halvesOf,
  type SteeringPolicy,
  type StreamPolicy,
} from '../../shared/protocol/steering/steering-policy.ts';
import { formatPortRange, type PortRange } from '../../shared/runtime/config/ranges.ts';
import type { TimeSpan } from '../schedule/time-span.ts';

/** A policy whose order, in either direction, may be that of cost: the cheapest uplink first, as they are now. */
export interface ConfiguredPolicy extends ConfiguredHalf {
  readonly down?: ConfiguredHalf;
}

export interface ConfiguredHalf extends SteeringPolicy {
  /** In place of `order`. */
  readonly orderBy?: 'cost';
}

/** What happens to a connection that an application asks for. */
export type SteeringAction =
  /** A stream, spread over the uplinks as the policy says. */
  | { readonly kind: 'steer'; readonly policy: ConfiguredPolicy; readonly concentrator?: ConcentratorWish }
  | DirectAction
  | { readonly kind: 'block' };

/** Which concentrator is to take a connection, whichever is the best. */
export interface ConcentratorWish {
  readonly name: string;
  /** No other stands in for it while it cannot be reached. */
  readonly isOnly: boolean;
}

/** Past the concentrator, through the uplink of this name. */
export interface DirectAction {
  readonly kind: 'direct';
  readonly uplink: string;
  /** To public addresses alone. Never of a rule itself: it depends on what it has matched by. */
  readonly isPublicOnly?: true;
}

/** One rule: it matches when all the conditions that it has are met; of each, one entry is enough. */
export interface SteeringRule {
  /**
   * Names in lower-case A-labels without trailing dot; `*.example.org` is every name below `example.org` and not that name
   * itself; `*` is every destination. A destination meets hosts or networks: no name is resolved for a rule.
   */
  readonly hosts?: readonly string[];
  /** In canonical text, for destinations that are addresses. */
  readonly networks?: readonly string[];
  readonly ports?: readonly PortRange[];
  /** Users who have logged in. */
  readonly users?: readonly string[];
  /** Times of day. */
  readonly between?: readonly TimeSpan[];
  /** Absent: both. */
  readonly protocol?: TransportProtocol;
  readonly action: SteeringAction;
  /** For datagrams, where that is another action: what a rule leaves out is as in their own default. */
  readonly datagramAction?: SteeringAction;
}

/** What an application sends: a connection, or datagrams. */
export const TRANSPORT_PROTOCOLS = ['tcp', 'udp'] as const;
export type TransportProtocol = (typeof TRANSPORT_PROTOCOLS)[number];

/** The first rule that matches decides; without one, the default. */
export interface SteeringConfig {
  readonly default: ConfiguredPolicy;
  /** The default for datagrams. */
  readonly datagrams: ConfiguredPolicy;
  readonly rules: readonly SteeringRule[];
}

/** The names of uplinks that these rules speak of, each once. */
export function uplinksNamed(config: SteeringConfig): string[] {
  const actions: readonly SteeringAction[] = [
    { kind: 'steer', policy: config.default },
    { kind: 'steer', policy: config.datagrams },
    ...config.rules.map(({ action }) => action),
  ];
  return [...new Set(actions.flatMap(uplinksOf))];
}

function uplinksOf(action: SteeringAction): readonly string[] {
  if (action.kind === 'block') return [];
  if (action.kind === 'direct') return [action.uplink];
  return halvesOf(action.policy).flatMap(({ only = [], order = [], weights = {} }) => [
    ...only,
    ...order,
    ...Object.keys(weights),
  ]);
}

/** `*.example.org port 443: direct over dsl`, for a person. */
export function describeRule({
  hosts = [],
  networks = [],
  ports = [],
  users = [],
  between = [],
  protocol,
  action,
}: SteeringRule): string {
  const conditions = [
    protocol ?? '',
    shortList('', [...hosts, ...networks]),
    shortList('port ', ports.map(formatPortRange)),
    shortList('user ', users),
    shortList(
      'between ',
      between.map(({ text }) => text),
    ),
  ].filter((text) => text !== '');
  return `${conditions.length > 0 ? conditions.join(' ') : 'everything'}: ${describeAction(action)}`;
}

/** The policy as it is now. @param cheapestFirst the names of the uplinks */
export function resolvePolicy(policy: ConfiguredPolicy, cheapestFirst: readonly string[]): StreamPolicy {
  const resolve = ({ orderBy, ...rest }: ConfiguredHalf): SteeringPolicy =>
    orderBy === undefined ? rest : { ...rest, order: orderWithin(rest, cheapestFirst) };
  const [up, down] = halvesOf(policy);
  return down === undefined ? resolve(up) : { ...resolve(up), down: resolve(down) };
}

/** As much of the order as a frame has room for beside the uplinks that the policy names. */
function orderWithin({ only, weights = {} }: SteeringPolicy, order: readonly string[]): readonly string[] {
  const named = new Set([...(only ?? []), ...Object.keys(weights)]);
  let room = MAX_STEERED_UPLINKS - named.size;
  return order.filter((name) => named.has(name) || room-- > 0);
}

/** Whether any of these policies goes by cost. */
export function goesByCost({ default: policy, datagrams, rules }: SteeringConfig): boolean {
  const policies = [
    policy,
    datagrams,
    ...rules.flatMap(({ action }) => (action.kind === 'steer' ? [action.policy] : [])),
  ];
  return policies.some((one) => halvesOf(one).some((half: ConfiguredHalf) => half.orderBy !== undefined));
}

/** `priority, dsl before lte`, for a person. */
export function describePolicy(policy: ConfiguredPolicy): string {
  const [up, down] = halvesOf(policy);
  return down === undefined ? describeHalf(up) : `up: ${describeHalf(up)}; down: ${describeHalf(down)}`;
}

function describeHalf({ mode, only, order, orderBy, weights, maxRttMs, maxLoss }: ConfiguredHalf): string {
  return [
    mode,
    ...(orderBy === undefined ? [] : ['the cheapest first']),
    ...(order === undefined ? [] : [order.join(' before ')]),
    ...Object.entries(weights ?? {}).map(([uplink, weight]) => `${uplink} ${weight}`),
    ...(maxRttMs === undefined ? [] : [`at most ${maxRttMs} ms`]),
    ...(maxLoss === undefined ? [] : [`at most ${maxLoss * 100} % lost`]),
    ...(only === undefined ? [] : [`only over ${only.join(', ')}`]),
  ].join(', ');
}

function describeAction(action: SteeringAction): string {
  switch (action.kind) {
    case 'steer':
      return `${describePolicy(action.policy)}${describeWish(action.concentrator)}`;
    case 'direct':
      return `direct over ${action.uplink}`;
    case 'block':
      return 'blocked';
  }
}

function describeWish(wish: ConcentratorWish | undefined): string {
  return wish === undefined ? '' : `, by ${wish.name}${wish.isOnly ? ' alone' : ''}`;
}

const MAX_SHOWN = 3;

function shortList(prefix: string, entries: readonly string[]): string {
  if (entries.length === 0) return '';
  const shown = entries.slice(0, MAX_SHOWN).join(', ');
  return `${prefix}${shown}${entries.length > MAX_SHOWN ? ` and ${entries.length - MAX_SHOWN} more` : ''}`;
}
