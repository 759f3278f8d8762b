import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import type { Destination } from '../shared/protocol/destination.ts';
import { formatDestination } from '../shared/protocol/destination.ts';
import { TributaryError } from '../shared/protocol/errors.ts';
import { withTuning } from '../shared/protocol/session/core-tuning.ts';
import { connectAppSocket } from '../shared/runtime/app/app-socket-connect.ts';
import { BlockPool } from '../shared/runtime/app/block-pool.ts';
import type { MonotonicClock, WallClock } from '../shared/runtime/clock.ts';
import { DnsResolver } from '../shared/runtime/dns/resolver.ts';
import type { NativeLoad } from '../shared/runtime/kernel/native.ts';
import { registerBuildInfo } from '../shared/runtime/observe/build-info.ts';
import { startHttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import { registerSessionMetrics } from '../shared/runtime/observe/session-metrics.ts';
import { TrafficTable } from '../shared/runtime/session/uplink-traffic.ts';
import { ReceivePool } from '../shared/runtime/subflow/receive-pool.ts';
import {
  listenForSubflows,
  type SubflowListener,
  type SubflowListenerOptions,
} from '../shared/runtime/subflow/subflow-listener.ts';
import type { SubflowTransport } from '../shared/runtime/subflow/subflow-transport.ts';
import { ListenError } from '../shared/runtime/tcp/tcp-listener.ts';
import { announcedNow } from './addresses/announced-addresses.ts';
import { OwnAddresses, OwnAddressWatch } from './addresses/own-addresses.ts';
import { registerConcentratorMetrics } from './concentrator-metrics.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import { describeReload } from './config/describe-reload.ts';
import { createEgressPolicy } from './egress/egress-policy.ts';
import { OriginDialer } from './egress/origin-dialer.ts';
import { SessionRegistry } from './session/session-registry.ts';
import { readApplicant } from './session/subflow-admission.ts';
import { concentratorStatus } from './status/concentrator-status.ts';
import { concentratorStatusText } from './status/concentrator-status-text.ts';

export interface ConcentratorDeps {
  readonly logger: Logger;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly native: NativeLoad;
  readonly version: string;
  readonly nodeVersion: string;
}

export interface Concentrator {
  /** Where subflows arrive, with the real ports. */
  readonly addresses: readonly Destination[];
  readonly metrics: Destination | undefined;
  /** Takes over what of a new configuration can be taken over while running, and logs the rest. */
  reload(config: ConcentratorConfig): Promise<void>;
  /** GOAWAY, then up to `drainTimeoutMs` for open streams, then the end. A second call ends the wait at once. */
  close(): Promise<void>;
}

/** Connections that have done TLS and not yet said who they are: a moment each, unless they mean no good. */
const MAX_APPLICANTS = 512;
/** Uplink names at all clients together that get a metric of their own. */
const MAX_UPLINK_LABELS = 256;

/** Starts the concentrator. Rejects with ListenError or EndpointError. */
export async function startConcentrator(
  config: ConcentratorConfig,
  deps: ConcentratorDeps,
): Promise<Concentrator> {
  const { logger, clock } = deps;
  const { native } = deps.native;
  if (native === undefined) logger.info({ reason: deps.native.reason }, 'no native socket calls');
  let current = config;
  let keys = keysOf(config);
  const registry = new Registry();
  registerBuildInfo(registry, deps);
  const metrics = registerConcentratorMetrics(registry);
  const traffic = new TrafficTable(MAX_UPLINK_LABELS);
  const pool = new BlockPool(clock);
  const ownAddresses = new OwnAddresses();
  let own: readonly string[] = await ownAddresses.find(config.public);
  // Those of the start, whatever a reload says of `listen`: that waits for a restart.
  const listenPorts = config.listen.map(({ port }) => port);
  const policy = () => createEgressPolicy({ ...current.egress, ownAddresses: own, listenPorts });
  const dialer = new OriginDialer({
    policy: policy(),
    resolver: new DnsResolver({ timeoutMs: config.egress.resolveTimeoutMs, clock }),
    connectTimeoutMs: config.egress.connectTimeoutMs,
    connect: (host, port, signal) => connectAppSocket({ host, port, pool, native, signal }),
    clock,
    onOutcome: (outcome) => metrics.onDial(outcome),
  });
  const sessions = new SessionRegistry({
    limits: config.limits,
    lingerMs: config.lingerMs,
    tuning: withTuning(config.tuning),
    dialer,
    clock,
    logger,
    traffic,
    onSessionEnded: (driver) => keepCounts(driver),
  });
  const keepCounts = registerSessionMetrics(registry, { drivers: () => sessions.drivers, traffic });

  const applicants = new Set<SubflowTransport>();
  const warnings = new Set<string>();
  const admit = async (transport: SubflowTransport, leftMs: number) => {
    const remote = transport.remoteAddress;
    // The oldest gives way, not the newest: strangers who keep silent do not lock the others out.
    const [oldest] = applicants;
    if (oldest !== undefined && applicants.size >= MAX_APPLICANTS) {
      // Now, not when it has closed: more may come by then, and each must cost another one.
      applicants.delete(oldest);
      oldest.destroy();
    }
    applicants.add(transport);
    try {
      const applicant = await readApplicant(transport, (id) => keys.get(id), leftMs);
      const result = sessions.admit(applicant);
      metrics.onHandshake(result);
      logger.debug({ remote, result }, 'subflow handshake');
    } catch (error) {
      // Closed already where it was refused; not where a defect of ours shows.
      transport.destroy();
      const { code, message } = error as TributaryError;
      metrics.onHandshake(error instanceof TributaryError ? code : 'internalError');
      logger.info({ remote, reason: message }, 'subflow refused');
    } finally {
      applicants.delete(transport);
    }
  };
  const listener = await listenWherePossible(config, logger, {
    addresses: config.listen,
    certificate: config.tls.certificate,
    privateKey: config.tls.key,
    pool: new ReceivePool(clock),
    native,
    clock,
    handshakeTimeoutMs: config.limits.handshakeTimeoutMs,
    ...(config.congestionControl === undefined ? {} : { congestionControl: config.congestionControl }),
    onSubflow: (transport, leftMs) => void admit(transport, leftMs),
    onHandshakeFailed(remote, reason) {
      metrics.onHandshake('tls');
      logger.debug({ remote, reason }, 'no TLS handshake');
    },
    onError: (error) => logger.error({ reason: error.message }, 'accepting failed'),
    onWarning(message) {
      // Once, not for each connection of whoever passes by.
      if (!warnings.has(message)) logger.warn(message);
      warnings.add(message);
    },
  });
  let isDraining = false;
  const endpoint =
    config.metrics &&
    (await startHttpEndpoint({
      listen: config.metrics.listen,
      registry,
      health: () => ({ ok: true, reasons: [] }),
      ready: () => ({ ok: !isDraining, reasons: isDraining ? ['shutting down'] : [] }),
      status() {
        const json = concentratorStatus({ ...deps, isReady: !isDraining, sessions: sessions.all });
        return { json, text: () => concentratorStatusText(json) };
      },
    }).catch(async (error) => {
      await listener.close();
      throw error;
    }));
  logger.info(
    { listen: listener.addresses().map(formatDestination), clients: keys.size },
    'concentrator is up',
  );

  const announce = () => {
    const reachable = { own, listen: listener.addresses(), public: current.public };
    const announced = announcedNow(current.announce, reachable);
    sessions.announce(announced);
    logger.debug({ ...announced, addresses: announced.addresses.map(formatDestination) }, 'announced');
  };
  announce();
  const onOwnAddresses = (addresses: readonly string[]) => {
    own = addresses;
    dialer.setPolicy(policy());
    announce();
  };
  const watch = new OwnAddressWatch(own, () => ownAddresses.find(current.public), onOwnAddresses);

  let stopWaiting: () => void = () => {};
  return {
    addresses: listener.addresses(),
    metrics: endpoint?.address,
    async reload(next) {
      const { live, restart } = describeReload(current, next);
      current = next;
      // All of it before any name is waited for: who is revoked goes at once.
      const before = keys;
      keys = keysOf(next);
      sessions.closeRevoked((id) => !isDeepStrictEqual(before.get(id), keys.get(id)));
      logger.level = next.log.level;
      dialer.setPolicy(policy());
      onOwnAddresses(await ownAddresses.find(next.public).catch(() => own));
      logger.info({ live, restart }, restart.length > 0 ? 'reloaded; some keys need a restart' : 'reloaded');
    },
    async close() {
      if (isDraining) {
        stopWaiting();
        return;
      }
      isDraining = true;
      watch.stop();
      listener.close();
      const limit = new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, config.limits.drainTimeoutMs);
        stopWaiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      await Promise.race([sessions.drain(), limit]);
      stopWaiting();
      for (const transport of applicants) transport.destroy();
      await sessions.close();
      await endpoint?.close();
    },
  };
}

/** All addresses of the configuration; without those it can do without, if the machine lacks them. */
async function listenWherePossible(
  config: ConcentratorConfig,
  logger: Logger,
  options: SubflowListenerOptions,
): Promise<SubflowListener> {
  try {
    return await listenForSubflows(options);
  } catch (error) {
    const required = config.listen.filter((address) => address.required);
    if (!(error instanceof ListenError) || required.length === config.listen.length) throw error;
    logger.warn({ reason: error.message }, 'listening without the optional addresses');
    return listenForSubflows({ ...options, addresses: required });
  }
}

function keysOf({ clients }: ConcentratorConfig): ReadonlyMap<string, Uint8Array> {
  return new Map(clients.map(({ id, key }) => [id, key]));
}
