import { Registry } from 'prom-client';
import { formatDestination } from '../shared/protocol/destination.ts';
import { AddressRanges } from '../shared/runtime/address/address-ranges.ts';
import { ProvenSources } from '../shared/runtime/admission/proven-sources.ts';
import { sourceOf } from '../shared/runtime/admission/source.ts';
import { applyReload } from '../shared/runtime/config/reload.ts';
import { registerBuildInfo } from '../shared/runtime/observe/build-info.ts';
import type { HttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import { LineLimit, type LineLog } from '../shared/runtime/observe/line-limit.ts';
import { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import { warnOnce } from '../shared/runtime/observe/warn-once.ts';
import { Lifecycle } from '../shared/runtime/process/lifecycle.ts';
import type { ProgramDeps } from '../shared/runtime/process/process-deps.ts';
import { serverNameIn } from '../shared/runtime/subflow/client-hello.ts';
import type { ReadyConnection } from '../shared/runtime/subflow/handshake-gate.ts';
import { ReceivePool } from '../shared/runtime/subflow/receive-pool.ts';
import type { SubflowListener, SubflowListenerOptions } from '../shared/runtime/subflow/subflow-listener.ts';
import { AllWorkers } from './all-workers.ts';
import { ConcentratorCounts, type CrowdedStage, registerHandshakes } from './concentrator-metrics.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import { areClientsInFiles, describeReload, takenOver } from './config/describe-reload.ts';
import { ownUdpHosts } from './datagram/datagram-port.ts';
import { goOnWithoutUdp, NO_UDP_PORT, udpHostsOf } from './datagram/open-datagram-port.ts';
import { makeEndpoint } from './insight.ts';
import { listenWherePossible } from './listen-where-possible.ts';
import type { ConcentratorStatus } from './status/concentrator-status.ts';
import type { ClientsOfAll } from './workers/clients-of-all.ts';
import type { ProgramFile } from './workers/fork-worker.ts';
import { Placement } from './workers/placement.ts';
import { type GivenSocket, openUdpGroups } from './workers/udp-groups.ts';
import { workersAdvice } from './workers/worker-count.ts';
import { WorkerPool } from './workers/worker-pool.ts';

export interface PrimaryOptions {
  readonly count: number;
  readonly program: ProgramFile;
  readonly isPretty: boolean;
  readonly clients: ClientsOfAll;
}

/** Beyond the time that sessions may take to end: for the processes themselves. */
const END_MS = 5_000;

/** The first of several processes of a concentrator: accepts connections, gives them to workers, and shows what all do. */
export class Primary {
  readonly #deps: ProgramDeps;
  readonly #life = new Lifecycle();
  readonly #pool: WorkerPool;
  readonly #placement: Placement;
  readonly #counts = new ConcentratorCounts();
  readonly #proven: ProvenSources;
  readonly #watch: ProcessWatch;
  readonly #endpoint: HttpEndpoint<ConcentratorStatus>;
  readonly #count: number;
  readonly #clients: ClientsOfAll;
  readonly #strangersLog: LineLog;
  /** What holds: as it was read at the start, with what later reloads have changed without a restart. */
  #config: ConcentratorConfig;
  #isClosing = false;

  constructor(config: ConcentratorConfig, deps: ProgramDeps, options: PrimaryOptions) {
    const { clock, wallClock, random, logger, version, writeLogLine = () => {} } = deps;
    this.#config = config;
    this.#deps = deps;
    this.#count = options.count;
    this.#clients = options.clients;
    this.#strangersLog = new LineLimit(clock).over(logger);
    this.#placement = new Placement(options.count, clock, random);
    this.#proven = new ProvenSources(clock);
    this.#watch = new ProcessWatch(deps);
    const { count, program, isPretty, clients } = options;
    const placement = this.#placement;
    this.#pool = new WorkerPool(config, {
      ...{ count, program, version, isPretty, clients, placement, clock, random, logger, writeLogLine },
      onProven: (clientId, host) => {
        placement.onProven(clientId, host);
        this.#proven.add(clientId, sourceOf(host));
      },
    });
    const registry = new Registry();
    registerBuildInfo(registry, deps);
    registerHandshakes(registry, this.#counts);
    this.#watch.register(registry);
    const all = new AllWorkers({
      ...{ pool: this.#pool, placement, clients, registry, clock, wallClock, version },
      config: () => this.#pool.config,
      isClosing: () => this.#isClosing,
    });
    this.#endpoint = makeEndpoint(config, all, () => all.metrics());
  }

  /** Rejects with ListenError, EndpointError, DatabaseError, or why a worker cannot start; nothing that was started runs on then. */
  start(): Promise<void> {
    return this.#life.start(() => this.#start());
  }

  /** All workers take over what can be taken over. Rejects with PartialReloadError where one does not. */
  async reload(next: ConcentratorConfig): Promise<void> {
    const { logger } = this.#deps;
    const isInFiles = areClientsInFiles(this.#config, next);
    await applyReload(describeReload(this.#config, next), logger, async () => {
      logger.level = next.log.level;
      this.#config = takenOver(this.#config, next);
      if (isInFiles) this.#clients.replace(next.clients);
      this.#forgetRemoved();
      await this.#pool.reload({ ...this.#config, clients: this.#clients.all });
      return { workers: this.#count };
    });
  }

  /** As of a concentrator that is one process. */
  close(): Promise<void> {
    this.#isClosing = true;
    return this.#life.close();
  }

  async #start(): Promise<void> {
    const life = this.#life;
    const { logger } = this.#deps;
    for (const advice of workersAdvice(this.#count, this.#config.limits)) logger.warn(advice);
    life.onClose(() => this.#endpoint.close());
    this.#watch.start();
    life.onClose(() => this.#watch.stop());
    // It writes what the sessions of all workers have carried to their end.
    life.onClose(() => this.#clients.close());
    await this.#clients.start((clients) => {
      this.#forgetRemoved();
      this.#pool.setClients(clients);
    });
    this.#pool.setClients(this.#clients.all);
    const listener = await this.#listen();
    life.onClose(() => listener.close());
    const listen = listener.addresses().map((address) => ({ ...address, required: true }));
    const udp = this.#openUdp(listener);
    life.onClose(() => this.#pool.stop());
    await this.#pool.start({ listen, udp });
    // Connections are accepted until then: sessions that go on may need another subflow.
    life.onClose(() => life.patiently(this.#pool.config.limits.drainTimeoutMs + END_MS, this.#pool.drain()));
    await this.#endpoint.start();
    const clients = this.#clients.all.length;
    const addresses = listen.map(formatDestination);
    logger.info({ listen: addresses, workers: this.#count, clients }, 'concentrator is up');
  }

  #forgetRemoved(): void {
    const isKnown = (clientId: string) => this.#clients.get(clientId) !== undefined;
    for (const part of [this.#placement, this.#proven]) part.keepClients(isKnown);
  }

  #listen(): Promise<SubflowListener> {
    const { clock, logger, native } = this.#deps;
    const { listen, balancers, tls, limits } = this.#config;
    const behind = new AddressRanges(balancers);
    const { handshakes } = this.#counts;
    const options: Omit<SubflowListenerOptions, 'addresses'> = {
      certificate: tls.certificate,
      privateKey: tls.key,
      pool: new ReceivePool(clock, 0),
      native: native.native,
      clock,
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
      handshakesPerSecond: limits.handshakesPerSecond,
      isBalancer: (address) => behind.has(address),
      isProven: (source) => this.#proven.has(source),
      handOver: (ready) => this.#handOver(ready),
      // Workers do TLS.
      onSubflow: (transport) => transport.destroy(),
      onHandshakeFailed(remote, reason) {
        handshakes.add('tls');
        logger.debug({ remote, reason }, 'no TLS handshake');
      },
      onCrowded: (stage, outcome, remote) => this.#onCrowded(stage, outcome, remote),
      onError: (error) => this.#watch.onAcceptFailed(error),
      hasDescriptor: () => this.#watch.hasDescriptor('subflow'),
      onWarning: warnOnce(logger),
    };
    return listenWherePossible(listen, options, logger);
  }

  #handOver(ready: ReadyConnection): void {
    const name = serverNameIn(ready.head);
    const serverName = typeof name === 'string' ? undefined : Buffer.from(name).toString('latin1');
    const worker = this.#placement.chooseFor(serverName, sourceOf(ready.remote).host);
    if (worker !== undefined && this.#pool.give(worker, ready)) return;
    ready.socket.resetAndDestroy();
    if (!this.#isClosing) this.#onCrowded('worker', 'refused', ready.remote);
  }

  #onCrowded(stage: CrowdedStage, outcome: 'refused' | 'displaced', remote: string): void {
    this.#counts.crowded.add(stage, outcome);
    this.#strangersLog.warn({ remote, stage, outcome }, 'many handshakes: a connection was turned away');
  }

  /** None where they cannot be had: datagrams travel on subflows then. @throws ListenError where the configuration names the port */
  #openUdp(listener: SubflowListener): readonly (readonly GivenSocket[])[] {
    const { native, logger } = this.#deps;
    const { datagrams } = this.#config;
    const addresses = listener.addresses();
    const port = datagrams.port ?? addresses[0]?.port;
    if (!datagrams.enabled || port === undefined) return [];
    if (native.native === undefined) {
      logger.warn({ reason: native.reason }, NO_UDP_PORT);
      return [];
    }
    const hosts = udpHostsOf(addresses);
    try {
      return openUdpGroups(native.native, { hosts, own: ownUdpHosts(hosts), port, count: this.#count });
    } catch (error) {
      goOnWithoutUdp(port, error as NodeJS.ErrnoException, this.#config, logger);
      return [];
    }
  }
}
