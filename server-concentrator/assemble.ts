import { withTuning } from '../shared/protocol/session/core-tuning.ts';
import { DelayRecord } from '../shared/protocol/stream/stream-delays.ts';
import { AddressRanges } from '../shared/runtime/address/address-ranges.ts';
import { ProvenSources } from '../shared/runtime/admission/proven-sources.ts';
import type { AppSocket } from '../shared/runtime/app/app-socket.ts';
import { PeerWatch } from '../shared/runtime/app/peer-watch.ts';
import { Cancellation } from '../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../shared/runtime/clock.ts';
import { PacketTable } from '../shared/runtime/datagram/packet-table.ts';
import { PlainWay } from '../shared/runtime/dns/dns-way.ts';
import { Ipv4Route } from '../shared/runtime/dns/ipv4-route.ts';
import { DnsResolver } from '../shared/runtime/dns/resolver.ts';
import { Translators } from '../shared/runtime/dns/translators.ts';
import { descriptorLimit } from '../shared/runtime/kernel/descriptors.ts';
import { DatagramTotals } from '../shared/runtime/observe/datagram-totals.ts';
import { LineLimit } from '../shared/runtime/observe/line-limit.ts';
import { PeerLosses } from '../shared/runtime/observe/peer-losses.ts';
import { ProcessWatch, warnWithoutNative } from '../shared/runtime/observe/process-watch.ts';
import { ResentBytes } from '../shared/runtime/observe/resent-bytes.ts';
import { openTimes } from '../shared/runtime/observe/stream-delay-metrics.ts';
import { warnOnce } from '../shared/runtime/observe/warn-once.ts';
import { heapShortage } from '../shared/runtime/process/heap-limit.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import { nodeHandshakeCrypto } from '../shared/runtime/session/handshake-crypto.ts';
import { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import type { SubflowListener } from '../shared/runtime/subflow/subflow-listener.ts';
import { UdpSockets } from '../shared/runtime/udp/udp-sockets.ts';
import { AddressKeeper } from './address-keeper.ts';
import { interfaceAddresses, OwnAddresses } from './addresses/own-addresses.ts';
import { makeClientParts } from './client-parts.ts';
import { Concentrator } from './concentrator.ts';
import { ConcentratorCounts } from './concentrator-metrics.ts';
import type { ClientEgress, ConcentratorConfig } from './config/concentrator-config.ts';
import { datagramPorts } from './config/datagram-ports.ts';
import { ClientDatagrams } from './datagram/client-datagrams.ts';
import { DatagramPort } from './datagram/datagram-port.ts';
import { OriginDatagrams } from './datagram/origin-datagrams.ts';
import { createEgressPolicy } from './egress/egress-policy.ts';
import { makeOriginDialer, makeOriginResolver } from './egress/make-origin-dialer.ts';
import { type Insight, makeEndpoint, makeInsight } from './insight.ts';
import type { ClientAllowances } from './limits/client-allowances.ts';
import { ClientLogs } from './limits/client-logs.ts';
import { DescriptorShares, originDescriptors } from './limits/descriptor-shares.ts';
import { LimitHits } from './limits/limit-hits.ts';
import { joinRate, TokenBuckets } from './limits/token-buckets.ts';
import { listenWherePossible } from './listen-where-possible.ts';
import { type Gate, makeGate } from './make-gate.ts';
import { Measurements } from './measurement/measurements.ts';
import { makePublishedPorts } from './publish/make-published-ports.ts';
import { KernelMemoryWatch, kernelMemoryLimit } from './session/kernel-memory-watch.ts';
import { MemoryLevels } from './session/memory-levels.ts';
import { MemoryWatch } from './session/memory-watch.ts';
import { SessionRegistry, type SessionRegistryOptions } from './session/session-registry.ts';
import { ShortageWatch } from './session/shortage-watch.ts';
import type { WorkerPlace } from './worker/worker-place.ts';

/** What the concentrator gets from its process. */
export interface ConcentratorDeps extends Omit<ProgramDeps, 'random'> {
  /** Where usage and the last known list of a database are kept, unless the configuration says it. */
  readonly stateDirectory: string;
}

/** Where the system does not tell its limit: what others allow a process at least. */
const ASSUMED_DESCRIPTORS = 4_096;
/** Uplink names at all clients together that get a metric of their own. */
const MAX_UPLINK_NAMES = 256;

/** Makes a concentrator that is one process. Nothing runs before `start`. */
export async function assemble(config: ConcentratorConfig, deps: ConcentratorDeps): Promise<Concentrator> {
  return (await assembleProcess(config, deps)).concentrator;
}

/**
 * Makes the concentrator of its parts, each after those that it needs. Nothing runs before `start`.
 * @param place its place among several processes; absent where it is the only one
 */
export async function assembleProcess(
  config: ConcentratorConfig,
  deps: ConcentratorDeps,
  place?: WorkerPlace,
): Promise<{ readonly concentrator: Concentrator; readonly insight: Insight }> {
  const { logger, clock } = deps;
  const { native } = deps.native;
  if (native === undefined) warnWithoutNative(logger, deps.native.reason);
  const counters = makeCounters();
  const ownAddresses = makeOwnAddresses(config, clock);
  const own = await ownAddresses.find(config.public);
  const listenPorts = portsOf(config);
  const watch = new ProcessWatch(deps);
  const peers = watchPeers(config, deps, counters.peerLosses);
  const memory = new MemoryLevels(config.limits);
  const logs = new ClientLogs(logger, clock);
  const limitHits = new LimitHits(counters.counts.limits, logs, clock);
  const descriptors = descriptorLimit() ?? ASSUMED_DESCRIPTORS;
  const sockets = new UdpSockets(native);
  const found = { own, listenPorts, descriptors, watch, peers, memory, limitHits, counters, sockets };
  const openSpeed = (clientId: string) => measurements.openStream(clientId);
  const ofClients = await makeClientParts(config, deps, limitHits, place);
  const { clients, allowances, meters } = ofClients;
  const { dialer, datagrams, nat64 } = reachOrigins(config, deps, { ...found, ...ofClients, openSpeed });
  const joins = new TokenBuckets(joinRate(config.limits.joinsPerSecond), clock);
  const { visitors } = counters.counts;
  const { poolBytes } = memory;
  const kept = { native, logs, visitors, poolBytes, dialer };
  const publishing = makePublishedPorts(config, { ...deps, ...found, ...kept });
  const port = makeDatagramPort(deps, sockets, place);
  const sessions = new SessionRegistry({
    limits: config.limits,
    datagrams: carryDatagrams(config, deps, { ...counters, port, origins: datagrams }),
    published: publishing.published,
    stallTimeoutMs: config.connections.stallTimeoutMs,
    memory,
    lingerMs: config.lingerMs,
    joinName: config.joinName,
    tuning: withTuning(config.tuning),
    dialer,
    clock,
    logs,
    joins,
    limitHits,
    usage: meters,
    allowances,
    traffic: counters.traffic,
    delays: counters.delays,
    onStreamRequested: () => memoryWatch.wake(),
    onOpened: (ms) => counters.openTimes.add(ms),
    ...sessionsOf(place),
    onSessionEnded(driver) {
      counters.resent.onSessionEnded(driver);
      counters.datagramTotals.onSessionEnded(driver);
    },
  });
  const { limits } = config;
  const measurements = new Measurements({ ...deps, limits, joins, limitHits, sessions });
  const memoryWatch = await makeMemoryWatch(deps, memory, sessions, place?.count ?? 1);
  const ownKept = { ownAddresses, own, listenPorts, nat64 };
  const addresses = new AddressKeeper({ config, ...ownKept, dialer, datagrams, port, sessions, logger });
  const { published } = publishing;
  const proven = new ProvenSources(clock);
  const perClient = [logs, memory, proven];
  const clientKeeper = ofClients.keep({ sessions, published, datagrams, perClient });
  const atGate = { clients, clientKeeper, proven, sessions, measurements, memory, watch, place };
  const { admission, gate } = makeGate(deps, { ...atGate, counts: counters.counts });
  const listen = () => listenForClients(config, deps, gate, place);
  const { usageKeeper } = ofClients;
  const ofUsage = { clientKeeper, meters, usageKeeper };
  const told = { memory, sessions, published, watch, descriptors, clients, limitHits };
  const ofDatagrams = { origins: datagrams, strangers: port.strangers };
  const insight = makeInsight(config, deps, { ...counters, ...told, ...ofDatagrams, ...ofUsage });
  const endpoint = makeEndpoint(config, insight);
  const parts = { endpoint, clients, clientKeeper, sessions, measurements, ...publishing, memoryWatch };
  const hasUdp = place?.udpHosts.length !== 0;
  const running = { admission, port, hasUdp, listen, addresses, watch, isWorker: place !== undefined };
  return { concentrator: new Concentrator({ config, logger, ...parts, ...running }), insight };
}

/** What sessions do otherwise in one of several processes. */
function sessionsOf(place: WorkerPlace | undefined): Pick<SessionRegistryOptions, 'newToken' | 'onCount'> {
  if (place === undefined) return {};
  return {
    newToken: () => place.newToken(),
    onCount: (clientId, change) => place.onSessions(clientId, change),
  };
}

function makeDatagramPort(
  { clock, logger }: ConcentratorDeps,
  sockets: UdpSockets,
  place: WorkerPlace | undefined,
): DatagramPort {
  return new DatagramPort({
    open: (options) => place?.openUdp(sockets, options) ?? sockets.open(options),
    randomBytes: (count) => place?.newConnectionId(count) ?? nodeHandshakeCrypto.randomBytes(count),
    ...(place === undefined ? {} : { ownAddresses: () => place.udpHosts }),
    logger: new LineLimit(clock).over(logger),
  });
}

/** Undefined where the configuration wants none. */
function carryDatagrams(
  { datagrams }: ConcentratorConfig,
  { clock, native: { native } }: ConcentratorDeps,
  parts: {
    readonly port: DatagramPort;
    readonly origins: OriginDatagrams;
    readonly packetTable: PacketTable;
  },
): ClientDatagrams | undefined {
  if (!datagrams.enabled) return undefined;
  const { randomBytes } = nodeHandshakeCrypto;
  return new ClientDatagrams({ ...parts, limits: datagrams, gcm: native?.gcm, clock, randomBytes });
}

/** Where this concentrator listens, for TCP or UDP: no client is led to them. */
function portsOf(config: ConcentratorConfig): readonly number[] {
  return [...config.listen.map(({ port }) => port), ...datagramPorts(config)];
}

/** What is counted as it happens, for the metrics and the status. */
function makeCounters() {
  return {
    counts: new ConcentratorCounts(),
    resent: new ResentBytes(),
    openTimes: openTimes(),
    delays: new DelayRecord(),
    datagramTotals: new DatagramTotals(MAX_UPLINK_NAMES),
    packetTable: new PacketTable(MAX_UPLINK_NAMES),
    traffic: new TrafficTable(MAX_UPLINK_NAMES),
    peerLosses: new PeerLosses(),
  };
}

function watchPeers(
  { connections }: ConcentratorConfig,
  { clock, native: { native } }: ConcentratorDeps,
  losses: PeerLosses,
): PeerWatch {
  return new PeerWatch({
    ...connections,
    native,
    clock,
    onLost: (role, reason) => losses.add(role, reason),
  });
}

/** Their public names are resolved as those of origins are, so that dead name servers do not hold up the start. */
function makeOwnAddresses({ egress }: ConcentratorConfig, clock: MonotonicClock): OwnAddresses {
  const names = new DnsResolver({ timeoutMs: egress.resolveTimeoutMs, clock });
  const never = new Cancellation();
  return new OwnAddresses((name) => names.resolve(name, never));
}

/** What reaches origins: by TCP and UDP, under one policy. */
function reachOrigins(
  config: ConcentratorConfig,
  { clock, native: { native } }: ConcentratorDeps,
  parts: {
    readonly own: readonly string[];
    readonly listenPorts: readonly number[];
    readonly descriptors: number;
    readonly watch: ProcessWatch;
    readonly peers: PeerWatch;
    readonly memory: MemoryLevels;
    readonly limitHits: LimitHits;
    readonly counters: { readonly counts: ConcentratorCounts };
    readonly sockets: UdpSockets;
    readonly allowances: ClientAllowances;
    rulesOf(clientId: string): ClientEgress | undefined;
    openSpeed(clientId: string): AppSocket;
  },
) {
  const { own: ownAddresses, listenPorts, descriptors, watch, peers, memory, limitHits, counters } = parts;
  const { sockets, allowances, rulesOf, openSpeed } = parts;
  const resolver = makeOriginResolver(config, { descriptors, clock, limitHits });
  const nat64 = () => resolver.nat64.known;
  const ipv4Route = new Ipv4Route(() => new PlainWay().openUdp(4), clock);
  const shared = {
    policy: createEgressPolicy({ ...config.egress, ownAddresses, listenPorts, nat64 }),
    resolver,
    translators: new Translators(resolver.nat64, interfaceAddresses, clock, ipv4Route),
    shares: new DescriptorShares(originDescriptors(descriptors)),
    hasDescriptor: () => watch.hasDescriptor('stream'),
    native,
    clock,
    limitHits,
    allowances,
    rulesOf,
  };
  const dialer = makeOriginDialer(config, {
    ...shared,
    peers,
    poolBytes: memory.poolBytes,
    openSpeed,
    onOutcome: (outcome) => counters.counts.opens.add(outcome === 'connected' ? 'ok' : outcome),
  });
  const { opensPerSecond } = config.limits;
  const ofDatagrams = { sockets, config: config.datagrams, opensPerSecond };
  const datagrams = new OriginDatagrams({ ...shared, ...ofDatagrams });
  return { dialer, datagrams, nat64 };
}

/** It reads the sessions when it looks. */
async function makeMemoryWatch(
  { clock, logger }: ConcentratorDeps,
  { total }: MemoryLevels,
  sessions: SessionRegistry,
  processes: number,
): Promise<MemoryWatch> {
  const smallHeap = heapShortage(total.limitBytes);
  if (smallHeap !== undefined) logger.warn(smallHeap);
  return new MemoryWatch({
    shortage: new ShortageWatch({ total, holders: () => sessions.holders, clock, logger }),
    kernel: new KernelMemoryWatch({
      limitBytes: await kernelMemoryLimit(total.limitBytes, processes),
      holders: () => sessions.kernelHolders(),
      narrow: (isNarrow) => sessions.narrowOrigins(isNarrow),
      onReset: (count) => total.onRefused(count),
      logger,
    }),
    hasStreams: () => sessions.hasStreams,
  });
}

function listenForClients(
  { listen, balancers, tls, limits, congestionControl }: ConcentratorConfig,
  { clock, logger, native: { native } }: ConcentratorDeps,
  gate: Gate,
  place: WorkerPlace | undefined,
): Promise<SubflowListener> {
  const behind = new AddressRanges(balancers);
  const options = {
    ...gate,
    isBalancer: (address: string) => behind.has(address),
    certificate: tls.certificate,
    privateKey: tls.key,
    native,
    clock,
    handshakeTimeoutMs: limits.handshakeTimeoutMs,
    handshakesPerSecond: limits.handshakesPerSecond,
    congestionControl,
    onWarning: warnOnce(logger),
  };
  return place?.listen(options) ?? listenWherePossible(listen, options, logger);
}
