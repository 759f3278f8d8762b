import { domainToASCII } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { isHostName } from '../../shared/runtime/address/host-port.ts';
import { type PortRange, parsePortRange } from '../../shared/runtime/config/ranges.ts';
import { network, oneOrMore, text, textAs } from '../../shared/runtime/config/schema-pieces.ts';
import { timeSpans } from '../schedule/schedule-schema.ts';
import {
  type ConcentratorWish,
  type ConfiguredPolicy,
  type SteeringAction,
  type SteeringConfig,
  type SteeringRule,
  TRANSPORT_PROTOCOLS,
} from '../steering/steering-rule.ts';
import {
  concentratorName,
  datagramPolicyAs,
  defaultPolicy,
  type Issues,
  issuesBelow,
  policyKeys,
  policyOver,
  SAID_ALREADY,
  uplinkName,
} from './policy-schema.ts';

/** Each connection is compared with them in turn; a household writes ten. */
const MAX_RULES = 256;
/** Of one rule's hosts, networks, ports or users: room for the domains of a large service. */
const MAX_ENTRIES = 1024;

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
  host: oneOrMore(host, HOST_FORMAT, MAX_ENTRIES).optional(),
  cidr: oneOrMore(network, 'a network such as "10.0.0.0/8"', MAX_ENTRIES).optional(),
  port: oneOrMore(ports, PORT_FORMAT, MAX_ENTRIES).optional(),
  user: oneOrMore(text, 'the name of a SOCKS user', MAX_ENTRIES).optional(),
  between: timeSpans.optional(),
  protocol: z.enum(TRANSPORT_PROTOCOLS).optional(),
};

const concentrator = z
  .union([concentratorName, z.strictObject({ only: concentratorName })], {
    error: 'expected the name of a concentrator, or {only: NAME} where no other may stand in for it',
  })
  .transform(
    (value): ConcentratorWish =>
      typeof value === 'string' ? { name: value, isOnly: false } : { name: value.only, isOnly: true },
  );

const rule = z.strictObject({
  ...conditions,
  ...policyKeys,
  concentrator: concentrator.optional(),
  direct: uplinkName.optional(),
  block: z.literal(true, { error: 'expected true' }).optional(),
});
type ParsedRule = z.output<typeof rule>;

/** `steering`: which uplinks carry what. Which uplinks and users there are, and the order of the rules, is checked elsewhere. */
export const steering = z
  .strictObject({
    default: defaultPolicy.prefault('aggregate'),
    datagrams: defaultPolicy.optional(),
    rules: z.array(rule).max(MAX_RULES).default([]),
  })
  .transform((value, context): SteeringConfig => {
    const { default: fallback, datagrams = datagramPolicyAs(fallback) } = value;
    const defaults = { default: fallback, datagrams };
    return {
      ...defaults,
      rules: value.rules.map((each, index) => {
        const issues = issuesBelow(context as unknown as Issues, 'rules', index);
        return ruleOf(each, defaults, issues);
      }),
    };
  })
  .prefault({});

function ruleOf(
  parsed: ParsedRule,
  { default: fallback, datagrams }: Pick<SteeringConfig, 'default' | 'datagrams'>,
  context: Issues,
): SteeringRule {
  const { host: hosts, cidr: networks, port: ports, user: users, between, protocol } = parsed;
  const action = actionOf(parsed, fallback, context);
  const datagramAction = actionOf(parsed, datagrams, SAID_ALREADY);
  return {
    ...(hosts === undefined ? {} : { hosts }),
    ...(networks === undefined ? {} : { networks }),
    ...(ports === undefined ? {} : { ports }),
    ...(users === undefined ? {} : { users }),
    ...(between === undefined ? {} : { between }),
    ...(protocol === undefined ? {} : { protocol }),
    action,
    ...(isDeepStrictEqual(action, datagramAction) ? {} : { datagramAction }),
  };
}

/** They may stand together. */
const STEERING_KEYS = ['mode', 'uplinks', 'up', 'down', 'concentrator'] as const;

function actionOf(parsed: ParsedRule, fallback: ConfiguredPolicy, context: Issues): SteeringAction {
  const { direct, block } = parsed;
  const given = (key: keyof ParsedRule) => parsed[key] !== undefined;
  const steers = STEERING_KEYS.filter(given);
  const [first, second] = [...steers.slice(-1), ...(['direct', 'block'] as const).filter(given)];
  if (second !== undefined) {
    const message = `stands beside "${first}", and a rule does one thing: take one of them out, or make two rules`;
    context.issues.push({ code: 'custom', message, input: parsed, path: [second] });
  } else if (first === undefined) {
    const message =
      'says nothing about what to do: add one of mode, uplinks, up, down, concentrator, direct and block';
    context.issues.push({ code: 'custom', message, input: parsed });
  }
  const policy = policyOver(parsed, fallback, context);
  if (block) return { kind: 'block' };
  if (direct !== undefined) return { kind: 'direct', uplink: direct };
  const { concentrator: wish } = parsed;
  return { kind: 'steer', policy, ...(wish === undefined ? {} : { concentrator: wish }) };
}
