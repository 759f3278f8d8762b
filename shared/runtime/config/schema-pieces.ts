import { isIP, isIPv4 } from 'node:net';
import * as z from 'zod';
import { type Destination, formatDestination } from '../../protocol/destination.ts';
import { HOST_PORT_FORMAT, isHostName, isIpv6Literal, parseHostPort } from '../address/host-port.ts';
import { CLIENT_ID_FORMAT, isClientId } from '../identity/client-id.ts';
import { CLIENT_KEY_FORMAT, parseClientKey } from '../identity/client-key.ts';
import { BYTE_SIZE_FORMAT, formatByteSize, parseByteSize } from './byte-size.ts';
import { DURATION_FORMAT, formatDuration, parseDuration } from './duration.ts';
import { type PortRange, parseNetwork, parsePortRange } from './ranges.ts';

/** A text that `parse` turns into a value; `format` says in an error what was expected. */
export function textAs<T>(format: string, parse: (text: string) => T | undefined) {
  const error = `expected ${format}`;
  return z.string({ error }).transform((text, context): T => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: error, input: text });
    return z.NEVER;
  });
}

/** A text, not empty, of at most 4096 characters. */
export const text = z.string().min(1).max(4096);

/** A duration, as milliseconds, within bounds that are durations themselves. */
export function duration(bounds: { min: string; max: string }) {
  const [min, max] = [parseDuration(bounds.min) ?? 0, parseDuration(bounds.max) ?? 0];
  const format = `${DURATION_FORMAT}, from ${formatDuration(min)} to ${formatDuration(max)}`;
  return textAs(format, (value) => within(parseDuration(value), min, max));
}

/** A size, as bytes, within bounds that are sizes themselves. */
export function byteSize(bounds: { min: string; max: string }) {
  const [min, max] = [parseByteSize(bounds.min) ?? 0, parseByteSize(bounds.max) ?? 0];
  const format = `${BYTE_SIZE_FORMAT}, from ${formatByteSize(min)} to ${formatByteSize(max)}`;
  return textAs(format, (value) => within(parseByteSize(value), min, max));
}

/** A whole number within bounds. */
export function count(min: number, max: number) {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A share in percent from 1 to 100, as a number from 0 to 1. */
export const percentage = textAs('a percentage from 1% to 100%, for example 80%', (value) => {
  const match = /^(\d{1,3}) ?%$/.exec(value);
  return match === null ? undefined : within(Number(match[1]) / 100, 0.01, 1);
});

/** `host:port`, where the host is a name or an address. */
export const hostPort = textAs(HOST_PORT_FORMAT, (value) => parseHostPort(value));

/** `address:port`, where the address is an IP address. */
export const ipAddressPort = textAs(
  'ADDRESS:PORT with an IP address, for example "192.0.2.1:8443" or "[2001:db8::1]:8443"',
  (value) => {
    const parsed = parseHostPort(value);
    return parsed && isIP(parsed.host) !== 0 ? parsed : undefined;
  },
);

/** `address:port` to listen at: an address, since a name could mean another interface tomorrow. Port 0: any free one. */
export const listenAddress = textAs(
  'ADDRESS:PORT to listen at, for example "127.0.0.1:1080" or "[::1]:1080"',
  parseListenAddress,
);

/** What `listenAddress` accepts, for command lines. */
export function parseListenAddress(value: string): Destination | undefined {
  const zeroPort = /^(.+):0$/.exec(value);
  const parsed = parseHostPort(zeroPort ? `${zeroPort[1]}:1` : value);
  if (!parsed || isIP(parsed.host) === 0) return undefined;
  return zeroPort ? { host: parsed.host, port: 0 } : parsed;
}

/** A network in canonical text, as `parseNetwork` gives it. */
export const network = textAs(
  'a network or address such as "10.0.0.0/8", "192.0.2.7" or "2001:db8::/32" (with its host bits zero)',
  parseNetwork,
);

/** What `portRange` expects, for messages. */
export const PORT_RANGE_FORMAT = 'a port, or a range of them such as "8000-8010"';
/** `443`, or `8000-8010`. */
export const portRange = z
  .union([z.int(), z.string()], { error: `expected ${PORT_RANGE_FORMAT}` })
  .transform((value, context): PortRange => {
    const range = parsePortRange(String(value));
    if (range !== undefined) return range;
    context.issues.push({ code: 'custom', message: `expected ${PORT_RANGE_FORMAT}`, input: value });
    return z.NEVER;
  });

/** One value or a list of at most `max`, as a list. */
export function oneOrMore<T extends z.ZodType>(one: T, format: string, max: number) {
  return z
    .union([one, z.array(one).min(1).max(max)], { error: `expected ${format}, or a list of such` })
    .transform((value): z.output<T>[] => (Array.isArray(value) ? value : [value as z.output<T>]));
}

/** An IPv4 or IPv6 address. */
export const ipAddress = textAs('an IP address', (value) =>
  isIPv4(value) || isIpv6Literal(value) ? value : undefined,
);

/** A client's name. */
export const clientId = textAs(CLIENT_ID_FORMAT, (value) => (isClientId(value) ? value : undefined));

/** A client's key, as its 32 bytes. */
export const clientKey = textAs(CLIENT_KEY_FORMAT, parseClientKey);

/** A congestion control algorithm of the kernel, by its name (TCP_CA_NAME_MAX is 16 with the terminating zero). */
export const congestionControl = textAs(
  'the name of a congestion control algorithm, for example "bbr"',
  (value) => (/^[a-z0-9_]{1,15}$/.test(value) ? value : undefined),
);

/** How long a session without any subflow waits for one to come back; the sides use the shorter of theirs. */
export const linger = duration({ min: '0s', max: '1h' }).prefault('60s');

/** How the other ends of connections are looked after; the bounds of the kernel's keep-alive are wider. */
export const connections = z
  .strictObject({
    keepAlive: duration({ min: '1s', max: '2h' }).prefault('5m'),
    // The least that a slow origin shows of itself: its kernel opens a closed window by a sixteenth of its buffer.
    stallTimeout: duration({ min: '1s', max: '1h' }).prefault('2m'),
  })
  .prefault({});

/** More than a machine has names. */
const MAX_METRICS_HOSTS = 32;
const metricsHost = textAs('a host name or an IP address, without a port', (value) =>
  isIPv4(value) || isIpv6Literal(value) || isHostName(value) ? value : undefined,
);

/** Of the page. Whoever can reach its address may guess. */
const pagePassword = textAs('a text of 8 to 255 bytes', (value) => {
  const bytes = Buffer.byteLength(value);
  return bytes >= 8 && bytes <= 255 ? value : undefined;
});

/** Where metrics, health and the page are served, by which names they may be asked for, and the page's password; or false for nowhere. */
export function metrics(defaultAddress: Destination) {
  const defaultListen = formatDestination(defaultAddress);
  const settings = z.strictObject({
    listen: listenAddress.prefault(defaultListen),
    hosts: z.array(metricsHost).max(MAX_METRICS_HOSTS).default([]),
    password: pagePassword.optional(),
  });
  return z
    .union([z.literal(false), settings], {
      error: `expected false, or a map such as {listen: "${defaultListen}"}`,
    })
    .prefault({});
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How much is logged, and how it looks. */
export const log = z
  .strictObject({ level: z.enum(LOG_LEVELS).default('info'), format: z.enum(LOG_FORMATS).default('auto') })
  .prefault({});

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
