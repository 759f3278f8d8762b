import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { ModeParameters } from '../../shared/protocol/scheduler/policy-parameters.ts';
import { isModeName, modeNamed, STEERING_ALIASES } from '../../shared/protocol/steering/mode-names.ts';
import { modesWith, rowOf, STEERING_MODE_NAMES } from '../../shared/protocol/steering/modes.ts';
import { sentBy } from '../../shared/protocol/steering/steering-policy.ts';
import { duration, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { CONCENTRATOR_NAME_FORMAT, isConcentratorName } from '../../shared/runtime/identity/link.ts';
import type { ConfiguredHalf, ConfiguredPolicy } from '../steering/steering-rule.ts';

/** As many as there can be uplinks. */
const MAX_UPLINK_NAMES = 16;

const MODE_FORMAT =
  `a steering mode: ${STEERING_MODE_NAMES.join(', ')}; ` +
  `or by another name: ${STEERING_ALIASES.join(', ')}`;

const mode = textAs(MODE_FORMAT, (value) => (isModeName(value) ? value : undefined));

const UPLINK_NAME = /^[A-Za-z0-9_.-]{1,32}$/;
export const uplinkName = textAs('the name of an uplink', (value) =>
  UPLINK_NAME.test(value) ? value : undefined,
);
export const concentratorName = textAs(CONCENTRATOR_NAME_FORMAT, (value) =>
  isConcentratorName(value) ? value : undefined,
);
const uplinkNames = z
  .array(uplinkName)
  .min(1)
  .max(MAX_UPLINK_NAMES)
  .transform((names, context) => {
    for (const [index, name] of names.entries()) {
      if (names.indexOf(name) === index) continue;
      context.issues.push({
        code: 'custom',
        message: `"${name}" stands here twice`,
        input: name,
        path: [index],
      });
      return z.NEVER;
    }
    return names;
  });

const SHARE_FORMAT = 'a share from 0 to 1, or a percentage such as "2%"';
const share = z
  .union([z.number(), z.string()], { error: `expected ${SHARE_FORMAT}` })
  .transform((value, context): number => {
    const parsed = typeof value === 'number' ? value : parsePercentage(value);
    if (parsed !== undefined && parsed >= 0 && parsed <= 1) return parsed;
    context.issues.push({ code: 'custom', message: `expected ${SHARE_FORMAT}`, input: value });
    return z.NEVER;
  });

/** `2.5%` or `2.5 %` as 0.025; undefined when it is none. */
function parsePercentage(text: string): number | undefined {
  const percent = /^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(text)?.[1];
  return percent === undefined ? undefined : Number(percent) / 100;
}

const WEIGHT_ERROR = 'expected a number above 0: the share of this uplink, in any unit';
const weight = z.number({ error: WEIGHT_ERROR }).positive({ error: WEIGHT_ERROR });

const BY_COST = 'cost';

const parameters = {
  order: z
    .union([z.literal(BY_COST), uplinkNames], {
      error: 'expected a list of uplinks, such as [dsl, lte]; or cost: the cheapest first',
    })
    .optional(),
  weights: z
    .record(z.string(), weight, {
      error: 'expected a map of uplinks and their shares, such as {dsl: 70, lte: 30}',
    })
    .optional(),
  maxRtt: duration({ min: '1ms', max: '1m' }).optional(),
  maxLoss: share.optional(),
};

/** What each parameter is called in a policy, and what a mode that cannot do without it lacks. */
const PARAMETERS: Readonly<
  Record<keyof typeof parameters, { readonly key: keyof ModeParameters; readonly lack?: string }>
> = {
  order: {
    key: 'order',
    lack:
      'needs to know which uplink is preferred: add "order", such as [dsl, lte]; ' +
      'without a preference use aggregate',
  },
  weights: {
    key: 'weights',
    lack: 'needs the shares of the uplinks: add "weights", such as {dsl: 70, lte: 30}',
  },
  maxRtt: { key: 'maxRttMs' },
  maxLoss: { key: 'maxLoss' },
};

type Parameters = z.output<z.ZodObject<typeof parameters>>;

const parameterEntries = Object.entries(PARAMETERS) as [
  keyof typeof parameters,
  (typeof PARAMETERS)[keyof typeof parameters],
][];

/** What is said of one direction alone. */
const half = z
  .union([mode, z.strictObject({ mode: mode.optional(), ...parameters, uplinks: uplinkNames.optional() })], {
    error:
      'expected a steering mode, or a map such as {mode: active-standby, order: [lte]} or {uplinks: [lte]}',
  })
  .transform((value): Half => (typeof value === 'string' ? { mode: value } : value));

type Half = Parameters & { readonly mode?: string | undefined; readonly uplinks?: string[] | undefined };

/** The keys of a rule that say how its connections are steered. */
export const policyKeys = {
  mode: mode.optional(),
  ...parameters,
  uplinks: uplinkNames.optional(),
  up: half.optional(),
  down: half.optional(),
};

type PolicyKeys = Half & { readonly up?: Half | undefined; readonly down?: Half | undefined };

const directions = { up: policyKeys.up, down: policyKeys.down };

/** `steering.default`, `steering.datagrams`. */
export const defaultPolicy = z
  .union([mode, z.strictObject({ mode, ...parameters, ...directions })], {
    error: 'expected a steering mode, or a map such as {mode: priority, order: [dsl, lte]}',
  })
  .transform((value, context): ConfiguredPolicy => {
    return policyOver(typeof value === 'string' ? { mode: value } : value, { mode: 'aggregate' }, context);
  });

/**
 * How datagrams are steered where the file does not say: for a low delay, with what is said of connections about which uplinks are
 * preferred, and how good they have to be.
 */
export function datagramPolicyAs(policy: ConfiguredPolicy): ConfiguredPolicy {
  const halfAs = ({ order, orderBy, only, maxRttMs, maxLoss }: ConfiguredHalf): ConfiguredHalf => ({
    mode: 'lowest-latency',
    ...(order === undefined ? {} : { order }),
    ...(orderBy === undefined ? {} : { orderBy }),
    ...(only === undefined ? {} : { only }),
    ...(maxRttMs === undefined ? {} : { maxRttMs }),
    ...(maxLoss === undefined ? {} : { maxLoss }),
  });
  const up = halfAs(policy);
  return policy.down === undefined ? up : { ...up, down: halfAs(policy.down) };
}

/** Where mistakes are told. */
export interface Issues {
  readonly issues: {
    push(issue: { code: 'custom'; message: string; input: unknown; path?: (string | number)[] }): unknown;
  };
}

/** Tells mistakes at a place below another. */
export function issuesBelow({ issues }: Issues, ...place: (string | number)[]): Issues {
  return {
    issues: { push: ({ path = [], ...issue }) => issues.push({ ...issue, path: [...place, ...path] }) },
  };
}

/** The policy that these keys make; what they leave out is as in another, or, beside a mode, not said at all. */
export function policyOver(given: PolicyKeys, base: ConfiguredPolicy, context: Issues): ConfiguredPolicy {
  const origin: ConfiguredPolicy = given.mode === undefined ? base : { mode: 'aggregate' };
  const both = halfOver(given, sentBy(origin), context);
  const baseDown = origin.down === undefined ? both : halfOver(given, origin.down, SAID_ALREADY);
  const up = given.up === undefined ? both : ownHalf(given.up, both, issuesBelow(context, 'up'));
  const down =
    given.down === undefined ? baseDown : ownHalf(given.down, baseDown, issuesBelow(context, 'down'));
  return isDeepStrictEqual(up, down) ? up : { ...up, down };
}

/** For what is read a second time. */
export const SAID_ALREADY: Issues = { issues: { push: () => {} } };

function ownHalf(given: Half, base: ConfiguredHalf, context: Issues): ConfiguredHalf {
  if (given.mode === undefined && given.uplinks === undefined) {
    const message = 'says nothing about this direction: add mode, or uplinks';
    context.issues.push({ code: 'custom', message, input: given });
  }
  return halfOver(given, base, context);
}

function halfOver(given: Half, base: ConfiguredHalf, context: Issues): ConfiguredHalf {
  const { mode: name, uplinks } = given;
  if (name === undefined) refuseParameters(given, context);
  const only = uplinks ?? base.only;
  const { only: _, ...steered } = name === undefined ? base : policyOf(name, given, context);
  const policy: ConfiguredHalf = { ...steered, ...(only === undefined ? {} : { only }) };
  const { weights } = policy;
  if (weights !== undefined && uplinks?.every((one) => !Object.hasOwn(weights, one))) {
    const message = 'none of these uplinks has a share in the "weights" that hold here';
    context.issues.push({ code: 'custom', message, input: uplinks, path: ['uplinks'] });
  }
  const named = new Set([...(only ?? []), ...(policy.order ?? []), ...Object.keys(weights ?? {})]);
  if (named.size > MAX_UPLINK_NAMES) {
    const message = `more uplinks than there can be, which is ${MAX_UPLINK_NAMES}`;
    const key = given.uplinks === undefined ? 'weights' : 'uplinks';
    context.issues.push({ code: 'custom', message, input: given[key], path: [key] });
  }
  return policy;
}

/** The policy of a mode and its parameters, each of which must belong to it. */
function policyOf(name: string, given: Parameters, context: Issues): ConfiguredHalf {
  const policyParameters = parametersOf(given);
  const mode = modeNamed(name, policyParameters)!;
  const taken = rowOf(mode).parameters;
  for (const [key, { key: parameter, lack }] of parameterEntries) {
    if (given[key] !== undefined && taken[parameter] === undefined) {
      const message = `has no effect with mode ${mode}: it belongs to mode ${modesWith(parameter).join(' and ')}`;
      context.issues.push({ code: 'custom', message, input: given, path: [key] });
    } else if (given[key] === undefined && taken[parameter] === 'required') {
      context.issues.push({
        code: 'custom',
        message: `mode ${mode} ${lack ?? `needs "${key}"`}`,
        input: given,
      });
    }
  }
  checkWeights(given, context);
  return { mode, ...policyParameters };
}

/** A rule without a mode takes no parameters of one. */
function refuseParameters(given: Parameters, context: Issues): void {
  for (const [key, { key: parameter }] of parameterEntries) {
    if (given[key] === undefined) continue;
    const message = `without a mode: add the "mode" that it is for, one of ${modesWith(parameter).join(', ')}`;
    context.issues.push({ code: 'custom', message, input: given, path: [key] });
  }
}

function checkWeights({ weights = {} }: Parameters, context: Issues): void {
  for (const name of Object.keys(weights)) {
    if (UPLINK_NAME.test(name)) continue;
    const message = 'expected the name of an uplink in front of the share';
    context.issues.push({ code: 'custom', message, input: name, path: ['weights', name] });
  }
}

function parametersOf({ order, weights, maxRtt, maxLoss }: Parameters): Omit<ConfiguredHalf, 'mode'> {
  return {
    ...(order === undefined ? {} : order === BY_COST ? { orderBy: BY_COST } : { order }),
    ...(weights === undefined ? {} : { weights }),
    ...(maxRtt === undefined ? {} : { maxRttMs: maxRtt }),
    ...(maxLoss === undefined ? {} : { maxLoss }),
  };
}
