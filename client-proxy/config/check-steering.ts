import {
  halvesOf,
  type SteeringPolicy,
  type StreamPolicy,
} from '../../shared/protocol/steering/steering-policy.ts';
import { didYouMean } from '../../shared/runtime/config/did-you-mean.ts';
import { shadowedRules } from '../steering/shadowed-rules.ts';
import { goesByCost, type SteeringAction, type SteeringConfig } from '../steering/steering-rule.ts';

/** A mistake below `steering`. */
interface SteeringMistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/**
 * What is wrong with the rules beside the rest of the file: names that nothing has, rules that are never reached. The names
 * of uplinks are not checked where they are not known.
 */
export function steeringMistakes(
  config: SteeringConfig,
  known: {
    readonly uplinks: readonly string[] | undefined;
    readonly users: readonly string[];
    /** Whether the cost of any uplink is said. */
    readonly hasCosts: boolean;
  },
): SteeringMistake[] {
  const { rules } = config;
  return [
    ...(goesByCost(config) && !known.hasCosts ? [NO_COSTS] : []),
    ...(known.uplinks === undefined ? [] : unknownUplinks(config, known.uplinks)),
    ...rules.flatMap(({ users = [] }, index) =>
      users
        .filter((user) => !known.users.includes(user))
        .map((user) => ({
          path: ['rules', index, 'user'],
          message: `no user is called "${user}" under socks.users: ${didYouMean(user, known.users, 'there are')}`,
        })),
    ),
    ...shadowedRules(rules).map(({ index, by }) => ({
      path: ['rules', index],
      message: `is never reached, since steering.rules[${by}] matches all that it would: move it up, or take it out`,
    })),
  ];
}

const NO_COSTS: SteeringMistake = {
  path: [],
  message: 'goes by cost, and no uplink says what it costs: add costPerGB to those that cost something',
};

function unknownUplinks(
  { default: policy, datagrams, rules }: SteeringConfig,
  known: readonly string[],
): SteeringMistake[] {
  return [
    ...uplinkPaths({ kind: 'steer', policy }, ['default']),
    ...uplinkPaths({ kind: 'steer', policy: datagrams }, ['datagrams'], policy),
    ...rules.flatMap(({ action }, index) => uplinkPaths(action, ['rules', index], policy)),
  ]
    .filter(({ name }) => !known.includes(name))
    .map(({ name, path }) => ({
      path,
      message: `no uplink is called "${name}": ${didYouMean(name, known, 'there are')}`,
    }));
}

/** Where an action names uplinks, each once, without what it has from the default. */
function uplinkPaths(
  action: SteeringAction,
  base: readonly (string | number)[],
  fallback?: StreamPolicy,
): { readonly name: string; readonly path: readonly (string | number)[] }[] {
  if (action.kind === 'block') return [];
  if (action.kind === 'direct') return [{ name: action.uplink, path: [...base, 'direct'] }];
  const [up, down] = halvesOf(action.policy);
  const known = fallback === undefined ? [] : halvesOf(fallback);
  if (down === undefined) return policyPaths(up, base, known);
  const paths = [...policyPaths(up, [...base, 'up'], known), ...policyPaths(down, [...base, 'down'], known)];
  return paths.filter(({ name }, index) => paths.findIndex((one) => one.name === name) === index);
}

function policyPaths(
  { only = [], order = [], weights = {} }: SteeringPolicy,
  base: readonly (string | number)[],
  known: readonly SteeringPolicy[],
) {
  const isKnown = (key: 'only' | 'order' | 'weights', value: unknown) =>
    known.some((one) => one[key] === value);
  return [
    ...(isKnown('only', only) ? [] : only).map((name, index) => ({
      name,
      path: [...base, 'uplinks', index],
    })),
    ...(isKnown('order', order) ? [] : order).map((name, index) => ({
      name,
      path: [...base, 'order', index],
    })),
    ...Object.keys(isKnown('weights', weights) ? {} : weights).map((name) => ({
      name,
      path: [...base, 'weights', name],
    })),
  ];
}
