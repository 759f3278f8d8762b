import * as z from 'zod';
import { isJoinName } from '../../shared/protocol/handshake/messages.ts';
import { MAX_ANNOUNCED_ADDRESSES } from '../../shared/protocol/session/announcements.ts';
import { parseNetwork } from '../../shared/runtime/config/ranges.ts';
import {
  byteSize,
  congestionControl,
  connections,
  count,
  duration,
  hostPort,
  ipAddressPort,
  linger,
  listenAddress,
  log,
  metrics,
  oneOrMore,
  PORT_RANGE_FORMAT,
  portRange,
  text,
  textAs,
} from '../../shared/runtime/config/schema-pieces.ts';
import { tuning } from '../../shared/runtime/config/tuning.ts';
import { DEFAULT_METRICS_LISTEN } from './concentrator-config.ts';
import { clientsPlace } from './database-schema.ts';
import { egressRules, openingRules } from './egress-schema.ts';

/** Each is three time series. */
const MAX_CLIENT_METRICS = 10_000;

/** A list beyond this is a blocklist, which belongs in a resolver or a firewall: each dial walks these rules. */
const MAX_EGRESS_RULES = 1024;

const limits = z
  .strictObject({
    sessions: count(1, 65536).default(256),
    sessionsPerClient: count(1, 65536).default(8),
    // As many as the client's socks.maxConnections.
    streamsPerSession: count(1, 65536).default(4096),
    // 16 uplinks with two subflows each: a fresh one beside one in doubt.
    subflowsPerSession: count(1, 256).default(32),
    // A burst is a few seconds' worth; opens that reach their origin cost a fiftieth.
    opensPerSecond: count(1, 100_000).default(200),
    dialsPerClient: count(1, 65536).default(256),
    namesPerClient: count(1, 128).default(64),
    joinsPerSecond: count(1, 10_000).default(16),
    publishPerClient: count(0, 256).default(64),
    // FTP clients copy a few files at a time.
    bindsPerClient: count(0, 256).default(16),
    // As many connections as a busy server at home has; one address may have half of them.
    visitorsPerClient: count(1, 65536).default(1024),
    // A burst is five seconds' worth.
    visitorsPerSecond: count(1, 100_000).default(200),
    // Some runs of the doctor over four fast uplinks.
    measurementBytesPerHour: byteSize({ min: '0B', max: '1TiB' }).prefault('512MiB'),
    memoryPerSession: byteSize({ min: '1MiB', max: '4GiB' }).prefault('64MiB'),
    memoryPerClient: byteSize({ min: '1MiB', max: '1024GiB' }).optional(),
    memoryTotal: byteSize({ min: '16MiB', max: '1024GiB' }).prefault('512MiB'),
    handshakeTimeout: duration({ min: '1s', max: '1m' }).prefault('10s'),
    // A flood of them then takes a fifth of a core, and a full concentrator has its subflows back soon after a restart.
    handshakesPerSecond: count(20, 100_000).default(400),
    // Both ends are known to be there, by keep-alives, so nothing is gained by ending it. The bound is for those that nobody needs.
    streamIdleTimeout: duration({ min: '1m', max: '90d' }).prefault('7d'),
    drainTimeout: duration({ min: '0s', max: '1h' }).prefault('30s'),
    clientMetrics: count(0, MAX_CLIENT_METRICS).default(100),
  })
  .prefault({})
  .superRefine(({ memoryPerSession, memoryPerClient, memoryTotal }, context) => {
    const tooMuch = (key: string) =>
      context.addIssue({ code: 'custom', path: [key], message: 'more than memoryTotal' });
    if (memoryPerSession > memoryTotal) tooMuch('memoryPerSession');
    if (memoryPerClient !== undefined && memoryPerClient > memoryTotal) tooMuch('memoryPerClient');
  });

const datagrams = z
  .strictObject({
    enabled: z.boolean().default(true),
    port: z.int().min(1).max(65535).optional(),
    // A browser has some dozens of QUIC flows, a peer-to-peer program some hundreds.
    flowsPerClient: count(1, 65536).default(1024),
    // An application has one, or one for each call. Each is a socket here, or two.
    associationsPerClient: count(1, 65536).default(256),
    associations: count(1, 65536).default(4096),
    // RFC 4787 section 4.3 wants two minutes at least, and recommends five.
    idleTimeout: duration({ min: '2m', max: '1d' }).prefault('5m'),
  })
  .prefault({});

/** More ranges than that belong in a firewall. */
const MAX_RANGES = 256;
const ranges = z
  .array(textAs('a network or address, for example "203.0.113.0/24"', parseNetwork))
  .max(MAX_RANGES)
  .default([]);

/** One for each service of a firewall that knows of them is enough. */
const MAX_BIND_RANGES = 16;

const visitors = z
  .strictObject({
    allow: ranges,
    deny: ranges,
    bindPorts: oneOrMore(portRange, PORT_RANGE_FORMAT, MAX_BIND_RANGES).optional(),
  })
  .prefault({})
  .transform(({ bindPorts, ...rest }) => ({ ...rest, ...(bindPorts === undefined ? {} : { bindPorts }) }));

const announce = z
  .strictObject({
    addresses: z
      .union([z.literal('auto'), z.array(ipAddressPort).max(MAX_ANNOUNCED_ADDRESSES)], {
        error: `expected auto, or a list of at most ${MAX_ANNOUNCED_ADDRESSES} such as ["198.51.100.1:8443"]`,
      })
      .default([]),
    joinHere: z.boolean().default(true),
  })
  .prefault({})
  .superRefine(({ addresses, joinHere }, context) => {
    if (joinHere || addresses === 'auto' || addresses.length > 0) return;
    const message = 'then clients need announced addresses to go to: list some under announce.addresses';
    context.addIssue({ code: 'custom', path: ['joinHere'], message });
  });

/** The first byte of tokens and connection ids tells the worker; and no machine that this is for has more cores. */
export const MAX_WORKERS = 128;

const JOIN_NAME_FORMAT = 'a host name such as c1.example.org';

/** The concentrator's configuration file. Its output has the file's keys, and values in milliseconds and bytes. */
export const concentratorSchema = z.strictObject({
  listen: z.array(listenAddress).min(1).max(16).optional(),
  public: z.array(hostPort).max(16).default([]),
  joinName: textAs(JOIN_NAME_FORMAT, (value) =>
    isJoinName(value) ? value.toLowerCase() : undefined,
  ).optional(),
  announce,
  balancers: ranges,
  tls: z
    .strictObject({ certificate: text.default('certificate.pem'), key: text.default('key.pem') })
    .prefault({}),
  clients: clientsPlace,
  stateDir: text.optional(),
  egress: z
    .strictObject({
      allow: openingRules(MAX_EGRESS_RULES).default([]),
      deny: egressRules(MAX_EGRESS_RULES).default([]),
      connectTimeout: duration({ min: '100ms', max: '5m' }).prefault('10s'),
      resolveTimeout: duration({ min: '100ms', max: '1m' }).prefault('5s'),
    })
    .prefault({}),
  datagrams,
  visitors,
  workers: z
    .union([z.literal('auto'), z.int().min(1).max(MAX_WORKERS)], {
      error: `expected auto, or a number from 1 to ${MAX_WORKERS}`,
    })
    .default(1),
  limits,
  connections,
  linger,
  congestionControl: congestionControl.optional(),
  metrics: metrics(DEFAULT_METRICS_LISTEN),
  tuning,
  log,
});
