import { domainToASCII } from 'node:url';
import { z } from 'zod';
import type { ModeParameters } from '../../shared/protocol/scheduler/policy-parameters.ts';
import { isModeName, modeNamed, STEERING_ALIASES } from '../../shared/protocol/steering/mode-names.ts';
import { modesWith, rowOf, STEERING_MODE_NAMES } from '../../shared/protocol/steering/modes.ts';
import type { SteeringPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import { isHostName } from '../../shared/runtime/address/host-port.ts';
import { type PortRange, parseNetwork, parsePortRange } from '../../shared/runtime/config/ranges.ts';
import { duration, text, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import type { SteeringAction, SteeringConfig, SteeringRule } from '../steering/steering-rule.ts';

/** Each connection is compared with them in turn; a household writes ten. */
const MAX_RULES = 256;
/** Of one rule's hosts, networks, ports or users: room for the domains of a large service. */
const MAX_ENTRIES = 1024;
/** As many as there can be uplinks. */
const MAX_UPLINK_NAMES = 16;

const MODE_FORMAT =
  `a steering mode: ${STEERING_MODE_NAMES.join(', ')}; ` +
  `or by another name: ${STEERING_ALIASES.join(', ')}`;

const mode = textAs(MODE_FORMAT, (value) => (isModeName(value) ? value : undefined));

const UPLINK_NAME = /^[A-Za-z0-9_.-]{1,32}$/;
const uplinkName = textAs('the name of an uplink', (value) => (UPLINK_NAME.test(value) ? value : undefined));
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

const parameters = {
  order: uplinkNames.optional(),
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

const defaultPolicy = z
  .union([mode, z.strictObject({ mode, ...parameters })], {
    error: 'expected a steering mode, or a map such as {mode: priority, order: [dsl, lte]}',
  })
  .transform((value, context): SteeringPolicy => {
    if (typeof value === 'string') return policyOf(value, {}, context);
    return policyOf(value.mode, value, context);
  })
  .prefault('aggregate');

const HOST_FORMAT =
  'a name such as "www.example.org", or "*.example.org" for all below it, or "*" for everything (addresses go under cidr)';
const host = textAs(HOST_FORMAT, (value) => {
  if (value === '*') return value;
  const prefix = value.startsWith('*.') ? '*.' : '';
  const written = value.slice(prefix.length).replace(/\.$/, '');
  // domainToASCII would cut at a colon or a slash.
  if (!/^[\p{L}\p{M}\p{N}._-]+$/u.test(written)) return undefined;
  // Applications ask for A-labels (RFC 5890), people write U-labels.
  const name = domainToASCII(written);
  return isHostName(name) ? `${prefix}${name}` : undefined;
});

const network = textAs(
  'a network or address such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32" (with its host bits zero)',
  parseNetwork,
);

const PORT_FORMAT = 'a port from 1 to 65535, or a range such as "8000-8100"';
const ports = z
  .union([z.number(), z.string()], { error: `expected ${PORT_FORMAT}` })
  .transform((value, context): PortRange => {
    const range = parsePortRange(String(value));
    if (range !== undefined) return range;
    context.issues.push({ code: 'custom', message: `expected ${PORT_FORMAT}`, input: value });
    return z.NEVER;
  });

const conditions = {
  host: oneOrMore(host, HOST_FORMAT).optional(),
  cidr: oneOrMore(network, 'a network such as "10.0.0.0/8"').optional(),
  port: oneOrMore(ports, PORT_FORMAT).optional(),
  user: oneOrMore(text, 'the name of a SOCKS user').optional(),
};

const rule = z.strictObject({
  ...conditions,
  mode: mode.optional(),
  ...parameters,
  uplinks: uplinkNames.optional(),
  direct: uplinkName.optional(),
  block: z.literal(true, { error: 'expected true' }).optional(),
});
type ParsedRule = z.output<typeof rule>;

/** `steering`: which uplinks carry what. Which uplinks and users there are, and the order of the rules, is checked elsewhere. */
export const steering = z
  .strictObject({ default: defaultPolicy, rules: z.array(rule).max(MAX_RULES).default([]) })
  .transform(
    (value, context): SteeringConfig => ({
      default: value.default,
      rules: value.rules.map((each, index) => {
        const issues: Issues = {
          issues: {
            push: ({ path = [], ...issue }) =>
              context.issues.push({ ...issue, path: ['rules', index, ...path] } as never),
          },
        };
        return ruleOf(each, value.default, issues);
      }),
    }),
  )
  .prefault({});

/** Where mistakes are told. */
interface Issues {
  readonly issues: {
    push(issue: { code: 'custom'; message: string; input: unknown; path?: (string | number)[] }): unknown;
  };
}

function ruleOf(parsed: ParsedRule, fallback: SteeringPolicy, context: Issues): SteeringRule {
  const { host: hosts, cidr: networks, port: ports, user: users } = parsed;
  return {
    ...(hosts === undefined ? {} : { hosts }),
    ...(networks === undefined ? {} : { networks }),
    ...(ports === undefined ? {} : { ports }),
    ...(users === undefined ? {} : { users }),
    action: actionOf(parsed, fallback, context),
  };
}

function actionOf(parsed: ParsedRule, fallback: SteeringPolicy, context: Issues): SteeringAction {
  const { mode, uplinks, direct, block } = parsed;
  const actions = (['mode', 'uplinks', 'direct', 'block'] as const).filter(
    (key) => parsed[key] !== undefined,
  );
  const [first, second] = actions[0] === 'mode' && actions[1] === 'uplinks' ? actions.slice(1) : actions;
  if (second !== undefined) {
    const message = `stands beside "${first}", and a rule does one thing: take one of them out, or make two rules`;
    context.issues.push({ code: 'custom', message, input: parsed, path: [second] });
  } else if (first === undefined) {
    const message = 'says nothing about what to do: add one of mode, uplinks, direct and block';
    context.issues.push({ code: 'custom', message, input: parsed });
  }
  const only = uplinks === undefined ? {} : { only: uplinks };
  const policy = { ...(mode === undefined ? fallback : policyOf(mode, parsed, context)), ...only };
  if (mode === undefined) refuseParameters(parsed, context);
  const { weights } = policy;
  if (weights !== undefined && uplinks?.every((name) => !Object.hasOwn(weights, name))) {
    const message = 'none of these uplinks has a share in the "weights" that hold here';
    context.issues.push({ code: 'custom', message, input: uplinks, path: ['uplinks'] });
  }
  if (new Set([...(policy.only ?? []), ...(policy.order ?? [])]).size > MAX_UPLINK_NAMES) {
    const message = `more uplinks than there can be, which is ${MAX_UPLINK_NAMES}`;
    context.issues.push({ code: 'custom', message, input: uplinks, path: ['uplinks'] });
  }
  if (block) return { kind: 'block' };
  return direct === undefined ? { kind: 'steer', policy } : { kind: 'direct', uplink: direct };
}

/** The policy of a mode and its parameters, each of which must belong to it. */
function policyOf(name: string, given: Parameters, context: Issues): SteeringPolicy {
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

function parametersOf({ order, weights, maxRtt, maxLoss }: Parameters): ModeParameters {
  return {
    ...(order === undefined ? {} : { order }),
    ...(weights === undefined ? {} : { weights }),
    ...(maxRtt === undefined ? {} : { maxRttMs: maxRtt }),
    ...(maxLoss === undefined ? {} : { maxLoss }),
  };
}

/** One value or a list of them, as a list. */
function oneOrMore<T extends z.ZodType>(one: T, format: string) {
  return z
    .union([one, z.array(one).min(1).max(MAX_ENTRIES)], { error: `expected ${format}, or a list of such` })
    .transform((value): z.output<T>[] => (Array.isArray(value) ? value : [value as z.output<T>]));
}
