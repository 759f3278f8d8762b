import { join } from 'node:path';
import { BlockPool } from '../shared/runtime/app/block-pool.ts';
import { PeerWatch, type PeerWatchOptions } from '../shared/runtime/app/peer-watch.ts';
import type { WallClock } from '../shared/runtime/clock.ts';
import { LineLimit } from '../shared/runtime/observe/line-limit.ts';
import { ProcessWatch, warnWithoutNative } from '../shared/runtime/observe/process-watch.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import { makeFront } from './application-front.ts';
import { type ListeningDeps, makePoints } from './application-listening.ts';
import { type Counters, makeCounters } from './client-counts.ts';
import { makeEndpoint } from './client-endpoint.ts';
import { ClientProxy } from './client-proxy.ts';
import { makeConcentrators, makeConnector, type Steered } from './concentrator-connecting.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import type { ClientConfig } from './config/client-config.ts';
import { MAX_UPLINKS } from './config/client-schema.ts';
import { ConfigChanges } from './config/config-changes.ts';
import type { DatagramRelay } from './datagram/datagram-relay.ts';
import { makeDatagrams } from './datagram-carrying.ts';
import { type Direct, makeDirect } from './direct-connecting.ts';
import { UplinkSet } from './discovery/uplink-set.ts';
import { UplinkStates } from './discovery/uplink-states.ts';
import { LinkServers } from './dns/link-servers.ts';
import { openTargetNames } from './dns/open-target-names.ts';
import { ADDRESSES_FILE_NAME } from './dns/remembered-addresses.ts';
import { UplinkResolvers } from './dns/uplink-resolvers.ts';
import { Fallback } from './fallback/fallback.ts';
import { Metering } from './metering/metering.ts';
import { USAGE_FILE_NAME } from './metering/usage-file.ts';
import { knownInterfaces, ownAddresses } from './network/network-view.ts';
import { makeNetworkWatch, type NetworkWatchDeps } from './network-watching.ts';
import { PacketSizes } from './packet-size/packet-sizes.ts';
import { ConcentratorChanges } from './page/history/concentrator-changes.ts';
import { openPageHistory } from './page/history/history-keeper.ts';
import { StateChanges } from './page/history/state-changes.ts';
import { UplinkUses } from './path-manager/uplink-use.ts';
import { MinuteTimer } from './schedule/minute-timer.ts';
import { makeSpeedTests } from './speedtest/make-speed-tests.ts';
import { RuleSet } from './steering/rule-set.ts';
import { Steering } from './steering/steering.ts';
import { StreamOpener } from './stream-opening.ts';
import { makeTransparent } from './transparent/make-transparent.ts';
import { OwnConnections } from './transparent/own-connections.ts';
import { makeTransparentDatagrams } from './transparent/udp/make-transparent-datagrams.ts';

/** What the client proxy gets from its process. */
export interface ClientProxyDeps extends ProgramDeps, ListeningDeps, NetworkWatchDeps {
  /** Where the usage of metered uplinks, the concentrator's last addresses and the lengths of packets are kept unless the configuration says. */
  readonly stateDirectory: string;
  /** TZ of the environment. */
  readonly timeZone?: string | undefined;
}

/** Uplinks that are counted by name: those that come and go may be more than there are at a time. */
const MAX_UPLINK_NAMES = 4 * MAX_UPLINKS;
/** How long an application waits for the origin's answer. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Makes the client proxy of its parts, each after those that it needs. Nothing runs before `start`. */
export async function assemble(config: ClientConfig, deps: ClientProxyDeps): Promise<ClientProxy> {
  const { logger, clock, wallClock, timeZone } = deps;
  if (deps.native.native === undefined) warnWithoutNative(logger, deps.native.reason);
  const { mode } = config;
  const uplinks = makeUplinks(deps);
  const counters = makeCounters(deps.native.native, MAX_UPLINK_NAMES, (name) => uplinks.has(name));
  const watch = new ProcessWatch(deps);
  const appPool = new BlockPool(clock);
  const recorded = makeRecord(wallClock, counters);
  const { changes, concentratorChanges } = recorded;
  const states = new UplinkStates({ uplinks, wallClock, logger, onChanged: changes.add });
  const uses = new UplinkUses(logger);
  const peers = makePeers(config, deps, counters);
  const ownConnections = new OwnConnections();
  const stateDirectory = config.stateDirectory ?? deps.stateDirectory;
  const packetSizes = await PacketSizes.open(stateDirectory, clock, logger, ownAddresses);
  const connecting = { counters, uplinks, appPool, peers, watch, ownConnections, packetSizes };
  const connector = makeConnector(config, deps, connecting);
  const resolvers = makeResolvers(deps, uplinks);
  const names = await openTargetNames({
    addresses: config.concentrators.flatMap(({ concentrator }) => concentrator.addresses),
    file: join(stateDirectory, ADDRESSES_FILE_NAME),
    uplinks: () => uplinks.uplinks,
    resolvers,
    logger,
  });
  const direct = makeDirect(config, deps, { ...counters, uplinks, uses, connector, resolvers });
  const datagrams = makeDatagrams(config, deps, {
    ...{ ...counters, uplinks, direct, watch },
    steering: () => steered.steering,
    concentrators: () => concentrators,
    isOpenTo: (address) => points.gate.isOpenTo(address),
  });
  const concentrators = makeConcentrators(config, deps, {
    ...{ ...connecting, states, concentratorChanges, uses, names, datagrams },
    steered: () => steered,
  });
  const { associates, relay } = datagrams;
  const used = { counters, uplinks, concentrators, direct, relay };
  const metering = await openMetering(config, deps, { ...used, uses });
  // What may be used first, so that caps hold before anything is dialled.
  uplinks.follow(uses, metering, concentrators, direct.connections, direct.balance);
  const onOtherWays = () => front.judgeAnew();
  const steered: Steered = makeSteering(config, deps, { ...used, onOtherWays });
  const { steering, fallback } = steered;
  const { binds } = counters.counts;
  const front = makeFront(config, deps, { steering, concentrators, associates, binds });
  const points = makePoints(config, deps, { front, appPool, peers, watch });
  const transparent = makeTransparent(config, {
    ...{ ...deps, steering, names, concentrators, appPool, peers, watch, ownConnections },
  });
  const transparentDatagrams = makeTransparentDatagrams(config, {
    ...{ ...deps, ...datagrams, names, concentrators, watch, counts: counters.counts.datagrams },
  });
  const network = makeNetworkWatch(config, deps, {
    ...{ uplinks, names, steering, concentrators },
    onChanged() {
      fallback.look();
      relay.review();
      if (mode === 'direct') states.review(direct.status());
    },
  });
  const minutes = makeMinutes(wallClock, uplinks, steering, relay);
  const pageHistory =
    config.metrics &&
    (await openPageHistory({ ...deps, ...counters, stateDirectory, metering, ...recorded }));
  const uplinkStatus = () => states.status(mode === 'direct' ? direct.status() : concentrators.uplinks);
  const speedTests = makeSpeedTests(config, { ...deps, uplinks, uses, names, concentrators });
  const told = {
    speedTests,
    ...{ mode, concentrators, uplinks, uplinkStatus, steering, fallback, points, front, metering, watch },
  };
  const settings = makeSettings(deps, { uplinks, proxy: () => proxy });
  const observed = makeEndpoint(config, direct, {
    ...{ ...deps, ...counters, ...told, transparent, datagrams: relay, ...recorded, settings, pageHistory },
  });
  const parts = { ...told, ...observed, transparent, transparentDatagrams, associates, network };
  const proxy = new ClientProxy({ config, logger, ...parts, minutes, changes: settings.changes, timeZone });
  return proxy;
}

/** What the page shows of the past, as events. */
function makeRecord(wallClock: WallClock, { counts }: Counters) {
  const changes = new StateChanges(wallClock, (name) => counts.lost.countOf(name));
  return { changes, concentratorChanges: new ConcentratorChanges(wallClock) };
}

function makeMinutes(
  wallClock: WallClock,
  uplinks: UplinkSet,
  steering: Steering,
  relay: DatagramRelay,
): MinuteTimer {
  return new MinuteTimer(wallClock, [
    () => {
      // What has become a backup by time, or is none any more, changes no rule: flows are looked at all the same.
      if (uplinks.onTime()) relay.review();
    },
    () => steering.review(),
  ]);
}

/** What the page changes. */
function makeSettings(
  { wallClock, logger }: ClientProxyDeps,
  parts: {
    readonly uplinks: UplinkSet;
    /** Made later. */
    proxy(): ClientProxy;
  },
) {
  const config = () => parts.proxy().config;
  const reload = (next: ClientConfig) => parts.proxy().reload(next);
  const changes = new ConfigChanges({ config, reload, wallClock, logger });
  return { changes, config, uplinks: () => parts.uplinks.uplinks };
}

function makeUplinks({ wallClock, logger, native: { native } }: ClientProxyDeps): UplinkSet {
  return new UplinkSet({
    bindsByInterface: native !== undefined,
    maxUplinks: MAX_UPLINKS,
    wallClock,
    logger,
  });
}

function makeResolvers({ clock, native: { native } }: ClientProxyDeps, uplinks: UplinkSet): UplinkResolvers {
  const linkServers = new LinkServers(clock);
  return new UplinkResolvers(
    {
      linkServers,
      networkInterfaces: knownInterfaces,
      native,
      attachment: (binding, host) => uplinks.attachment(binding, host),
    },
    clock,
  );
}

function makePeers(
  { connections, lingerMs }: ClientConfig,
  { clock, native: { native } }: ClientProxyDeps,
  { peerLosses }: Counters,
): PeerWatch {
  const onLost: PeerWatchOptions['onLost'] = (role, reason) => peerLosses.add(role, reason);
  return new PeerWatch({ ...connections, lingerMs, native, clock, onLost });
}

function openMetering(
  config: ClientConfig,
  { stateDirectory, wallClock, logger }: ClientProxyDeps,
  parts: {
    readonly counters: Counters;
    readonly uplinks: UplinkSet;
    readonly uses: UplinkUses;
    readonly concentrators: Concentrators;
    readonly direct: Direct;
    readonly relay: DatagramRelay;
  },
): Promise<Metering> {
  const { counters, uplinks, uses, concentrators, direct, relay } = parts;
  uses.tellChanges((uplinkName) => {
    concentrators.onUseChanged(uplinkName);
    if (uses.of(uplinkName).use === 'stopped') direct.connections.end(uplinkName);
    relay.review();
  });
  return Metering.open({
    file: join(config.stateDirectory ?? stateDirectory, USAGE_FILE_NAME),
    wires: counters.wires,
    wallClock,
    logger,
    plans: () => uplinks.plans,
    setUse: (uplinkName, use, reason) => uses.set(uplinkName, use, reason),
  });
}

function makeSteering(
  config: ClientConfig,
  { clock, wallClock, logger }: ClientProxyDeps,
  parts: {
    readonly counters: Counters;
    readonly uplinks: UplinkSet;
    readonly concentrators: Concentrators;
    readonly direct: Direct;
    readonly relay: DatagramRelay;
    /** The same request may go another way from now on. */
    onOtherWays(): void;
  },
): Steered {
  const { counters, uplinks, concentrators, direct, relay, onOtherWays } = parts;
  const streams = new StreamOpener({
    keeper: concentrators,
    optimisticReply: config.socks.optimisticReply,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    stallTimeoutMs: config.connections.stallTimeoutMs,
    clock,
    onOpened: (ms) => counters.openTimes.add(ms),
    openDirect: (request, policy) => steering.connectDirectly(request, policy, 'waited'),
    onResult: (result) => counters.counts.opens.add(result),
    onLost: () => counters.counts.lost.addOfSession(),
    onLookedUp: (result) => counters.counts.lookups.add(result),
  });
  const fallback = new Fallback({
    settings: config.fallback,
    reachability: () => ({
      isReachable: concentrators.isReachable,
      isDirectPossible: direct.balance.isPossible,
    }),
    onDirect() {
      streams.divertWaiting();
      relay.review();
    },
    onSwitched: onOtherWays,
    redial: () => concentrators.hurry(),
    clock,
    logger: new LineLimit(clock).over(logger),
  });
  const steering: Steering = new Steering({
    rules: new RuleSet(config.steering),
    uplinks: () => uplinks.uplinks,
    wallClock,
    logger,
    openStream: (request, steered) => void streams.open(request, steered),
    openDirect: (...opening) => direct.open(...opening),
    whyDirect() {
      if (config.mode === 'direct') return 'mode';
      return fallback.takesOver ? 'fallback' : undefined;
    },
    openBalanced: (...opening) => direct.openBalanced(...opening),
    onDecision: (kind) => void counters.counts.decisions[kind]++,
    onRulesChanged: onOtherWays,
    onResteered: () => relay.review(),
  });
  return { steering, fallback, streams };
}
