import { Resolver } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Destination } from '../shared/protocol/destination.ts';
import { formatDestination } from '../shared/protocol/destination.ts';
import { withTuning } from '../shared/protocol/session/core-tuning.ts';
import { acceptAppSockets } from '../shared/runtime/app/app-socket-listener.ts';
import { BlockPool } from '../shared/runtime/app/block-pool.ts';
import type { MonotonicClock, WallClock } from '../shared/runtime/clock.ts';
import type { NativeLoad } from '../shared/runtime/kernel/native.ts';
import { registerBuildInfo } from '../shared/runtime/observe/build-info.ts';
import { type Health, startHttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import { registerSessionMetrics } from '../shared/runtime/observe/session-metrics.ts';
import { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import { ReceivePool } from '../shared/runtime/subflow/receive-pool.ts';
import { registerClientMetrics } from './client-metrics.ts';
import type { ClientConfig } from './config/client-config.ts';
import { MAX_UPLINKS } from './config/client-schema.ts';
import { describeReload } from './config/describe-reload.ts';
import { DirectConnections } from './direct/direct-connections.ts';
import { DirectDialer } from './direct/direct-dialer.ts';
import { openDirect } from './direct/direct-opening.ts';
import { UplinkSet } from './discovery/uplink-set.ts';
import { TargetNames } from './dns/target-names.ts';
import { Metering } from './metering/metering.ts';
import { registerMeteringMetrics } from './metering/metering-metrics.ts';
import { USAGE_FILE_NAME } from './metering/usage-file.ts';
import { WireTable } from './metering/wire-table.ts';
import { IpMonitor } from './network/ip-monitor.ts';
import { NetworkReader } from './network/network-reader.ts';
import { NetworkWatch } from './network/network-watch.ts';
import { SessionKeeper } from './session/session-keeper.ts';
import { repliesOptimistically } from './socks5/optimistic-reply.ts';
import { Socks5Server } from './socks5/socks-server.ts';
import { clientStatus } from './status/client-status.ts';
import { clientStatusText } from './status/client-status-text.ts';
import { Steering } from './steering/steering.ts';
import { openForRequest } from './stream-opening.ts';
import { connectSubflow } from './uplink/subflow-connect.ts';
import { connectAppSocketThroughUplink } from './uplink/uplink-app-socket.ts';

export interface ClientProxyDeps {
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly random: () => number;
  readonly native: NativeLoad;
  readonly version: string;
  readonly nodeVersion: string;
  /** Where the usage of metered uplinks is kept unless the configuration says. */
  readonly stateDirectory: string;
}

export interface ClientProxy {
  /** Where SOCKS5 is spoken; the port is the real one. */
  readonly socks: Destination;
  readonly metrics: Destination | undefined;
  /** Takes over what of a new configuration can be taken over while running, and logs the rest. */
  reload(config: ClientConfig): void;
  /** Refuses new connections, waits up to `drainMs` for those that are open, then ends them. */
  close(drainMs: number): Promise<void>;
}

/** Counted by name; uplinks that come and go may have had more than there are at a time. */
const MAX_UPLINK_NAMES = 4 * MAX_UPLINKS;
/** How long a stream waits for a session, and a client for the origin's answer. */
const OPEN_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 30_000;

/** Starts the client proxy: SOCKS5 in, subflows out. Rejects with ListenError or EndpointError. */
export async function startClientProxy(config: ClientConfig, deps: ClientProxyDeps): Promise<ClientProxy> {
  const { logger, clock, random } = deps;
  const { native } = deps.native;
  if (native === undefined) logger.info({ reason: deps.native.reason }, 'no native socket calls');
  let current = config;
  const registry = new Registry();
  registerBuildInfo(registry, deps);
  const traffic = new TrafficTable(MAX_UPLINK_NAMES);
  const directTraffic = new TrafficTable(MAX_UPLINK_NAMES);
  const directConnections = new DirectConnections();
  const wires = new WireTable(native, MAX_UPLINK_NAMES);
  const pool = new BlockPool(clock);
  const receivePool = new ReceivePool(clock);

  const keeper = new SessionKeeper({
    identity: config.client,
    uplinks: [],
    addresses: config.concentrator.addresses,
    paths: config.paths,
    names: new TargetNames(),
    dialTimeoutMs: config.dial.timeoutMs,
    memoryBytes: config.memory.perSessionBytes,
    lingerMs: config.lingerMs,
    tuning: withTuning(config.tuning),
    backoff: { minMs: config.dial.backoffMinMs, maxMs: config.dial.backoffMaxMs },
    handshakeTimeoutMs: config.dial.timeoutMs,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    clock,
    random,
    logger,
    traffic,
    onDial: (uplink, result) => metrics.onDial(uplink, result),
    onReviewed: () => uplinks.reviewStates(),
    connect: (uplink, address, signal) =>
      connectSubflow(uplink, address, {
        pin: config.concentrator.pin,
        pool: receivePool,
        native,
        wire: wires.of(uplink.name),
        signal,
        timeoutMs: config.dial.timeoutMs,
        serverName: config.concentrator.serverName,
        congestionControl: uplink.congestionControl,
        onWarning: (message) => logger.warn({ uplink: uplink.name }, message),
      }),
    onSessionEnded: (driver) => keepCounts(driver),
  });
  const metering = await Metering.open({
    file: join(config.stateDirectory ?? deps.stateDirectory, USAGE_FILE_NAME),
    wires,
    wallClock: deps.wallClock,
    logger,
    setUse(uplink, use, reason) {
      keeper.setUse(uplink, use, reason);
      if (use === 'stopped') directConnections.end(uplink);
    },
  });
  const uplinks = new UplinkSet(config, {
    user: {
      // Caps hold before anything is dialled.
      setUplinks(all) {
        metering.setUplinks(all);
        keeper.setUplinks(all);
        directConnections.setUplinks(all);
      },
      loseUplink(loss) {
        keeper.loseUplink(loss);
        directConnections.onLoss(loss);
      },
      retryUplinks: () => keeper.retryUplinks(),
      get uplinks() {
        return keeper.uplinks;
      },
    },
    bindsByInterface: native !== undefined,
    maxUplinks: MAX_UPLINKS,
    wallClock: deps.wallClock,
    logger,
  });
  const socks = new Socks5Server({
    ...config.socks,
    logger,
    onRequest: (request) => steering.serve(request),
  });
  const directDialer = new DirectDialer({
    uplinks: () => uplinks.uplinks,
    useOf: (uplink) => keeper.useOf(uplink),
    clock,
    dns: { systemServers: () => new Resolver().getServers(), native },
    ownAddresses: () =>
      Object.values(networkInterfaces()).flatMap((infos = []) => infos.map(({ address }) => address)),
    connect: (uplink, target, signal, timeoutMs) =>
      connectAppSocketThroughUplink(uplink, target, {
        pool,
        native,
        wire: wires.of(uplink.name),
        signal,
        timeoutMs,
      }),
  });
  const steering = new Steering({
    config: config.steering,
    uplinkNames: () => uplinks.uplinks.map(({ name }) => name),
    logger,
    openStream: (request, steered) =>
      void openForRequest(request, {
        keeper,
        steered,
        isOptimistic: repliesOptimistically(config.socks.optimisticReply, request.destination),
        answerTimeoutMs: ANSWER_TIMEOUT_MS,
        onResult: (result) => metrics.onOpen(result),
      }),
    openDirect: (request, uplink, onFailed) =>
      void openDirect(request, {
        dialer: directDialer,
        uplink,
        connections: directConnections,
        traffic: directTraffic.of(uplink),
        onResult: (result, error) => {
          metrics.onDirectOpen(result);
          if (error !== undefined) onFailed(error);
        },
      }),
    onDecision: (kind) => metrics.onDecision(kind),
  });
  const keepCounts = registerSessionMetrics(registry, { drivers: () => keeper.drivers, traffic });
  const metrics = registerClientMetrics(registry, {
    maxUplinks: MAX_UPLINK_NAMES,
    uplinks: () => uplinks.status,
    socks: () => socks.counters,
    directTraffic,
  });
  registerMeteringMetrics(registry, { wires, meters: () => metering.meters });
  const status = () =>
    clientStatus({
      ...deps,
      isReady: readiness(keeper, uplinks).ok,
      current: keeper.current,
      drivers: keeper.drivers,
      uplinks: uplinks.status,
      configured: uplinks.uplinks,
      leftOut: uplinks.leftOut,
      steering: current.steering,
      socksConnections: socks.counters.active,
      traffic,
      directTraffic,
      directConnections: (uplink) => directConnections.countOf(uplink),
      meters: metering.meters,
    });

  const listener = await acceptAppSockets({
    ...config.socks.listen,
    setting: 'socks.listen',
    pool,
    native,
    onSocket: (socket) => socks.handle(socket),
    onError: (error) => logger.error({ reason: error.message }, 'accepting failed'),
  });
  const endpoint =
    config.metrics &&
    (await startHttpEndpoint({
      listen: config.metrics.listen,
      registry,
      health: () => ({ ok: true, reasons: [] }),
      ready: () => readiness(keeper, uplinks),
      status() {
        const json = status();
        return { json, text: () => clientStatusText(json) };
      },
    }).catch(async (error) => {
      await listener.close();
      throw error;
    }));
  const reader = new NetworkReader(config.concentrator.addresses, (reason) => {
    logger.info({ reason }, 'no iproute2: interfaces are known by name, routes are not known');
  });
  const watch = new NetworkWatch({
    read: () => reader.read(),
    look: networkInterfaces,
    monitor: (onEvent) => new IpMonitor({ onEvent, logger, clock, random }),
    onView: (view) => {
      uplinks.onNetwork(view);
      steering.checkUplinks();
    },
    logger,
  });
  await watch.start();
  keeper.start();
  logger.info(
    { socks: formatDestination(listener.address()), uplinks: uplinks.status.map(({ name }) => name) },
    'client proxy is up',
  );

  return {
    socks: listener.address(),
    metrics: endpoint?.address,
    reload(next) {
      const { live, restart } = describeReload(current, next);
      logger.level = next.log.level;
      uplinks.configure(next);
      const resteered = steering.reload(next.steering);
      current = next;
      logger.info(
        { live, restart, resteered },
        restart.length > 0 ? 'reloaded; some keys need a restart' : 'reloaded',
      );
    },
    async close(drainMs) {
      watch.stop();
      await listener.close();
      keeper.drain();
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([socks.drain(), limit]);
      clearTimeout(timer);
      await socks.close();
      await keeper.stop();
      await metering.close();
      await endpoint?.close();
    },
  };
}

/** Ready means: a stream that is opened now has an uplink to go out on. */
function readiness(keeper: SessionKeeper, { status, leftOut }: UplinkSet): Health {
  const reasons: string[] = [];
  if (!keeper.isEstablished) reasons.push('no session with the concentrator');
  const isUp = status.some((uplink) => uplink.isUp);
  const ok = isUp && reasons.length === 0;
  if (status.length === 0) reasons.push('no interface is an uplink');
  for (const { name, reason } of status) reasons.push(`uplink ${name}: ${reason}`);
  if (!isUp) {
    for (const one of leftOut.slice(0, MAX_UPLINKS)) {
      reasons.push(`interface ${one.interface}, left out: ${one.reason}`);
    }
  }
  return { ok, reasons };
}
