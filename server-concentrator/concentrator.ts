import type { Logger } from 'pino';
import { formatDestination } from '../shared/protocol/destination.ts';
import { applyReload } from '../shared/runtime/config/reload.ts';
import type { HttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import { Lifecycle } from '../shared/runtime/process/lifecycle.ts';
import type { SubflowListener } from '../shared/runtime/subflow/subflow-listener.ts';
import type { AddressKeeper } from './address-keeper.ts';
import type { ClientKeeper } from './client-keeper.ts';
import type { ClientList } from './clients/client-list.ts';
import type { ConcentratorConfig } from './config/concentrator-config.ts';
import { areClientsInFiles, describeReload, takenOver } from './config/describe-reload.ts';
import type { DatagramPort } from './datagram/datagram-port.ts';
import { openDatagramPort } from './datagram/open-datagram-port.ts';
import type { Measurements } from './measurement/measurements.ts';
import type { PublishedPorts } from './publish/published-ports.ts';
import { type VisitorGate, visitorRanges } from './publish/visitor-gate.ts';
import type { MemoryWatch } from './session/memory-watch.ts';
import type { SessionRegistry } from './session/session-registry.ts';
import type { SubflowAdmission } from './session/subflow-admission.ts';
import type { ConcentratorStatus } from './status/concentrator-status.ts';

/** The parts that the concentrator starts, tells of new configurations, and closes. */
export interface ConcentratorParts {
  readonly config: ConcentratorConfig;
  readonly logger: Logger;
  readonly endpoint: HttpEndpoint<ConcentratorStatus>;
  readonly clients: Pick<ClientList, 'count'>;
  readonly clientKeeper: ClientKeeper;
  readonly sessions: SessionRegistry;
  readonly measurements: Measurements;
  readonly published: PublishedPorts;
  readonly gate: VisitorGate;
  readonly memoryWatch: MemoryWatch;
  readonly admission: SubflowAdmission;
  /** Listens for subflows, which go to `admission`. Rejects with ListenError. */
  listen(): Promise<SubflowListener>;
  /** Where packets of datagrams arrive. */
  readonly port: DatagramPort;
  readonly addresses: AddressKeeper;
  readonly watch: ProcessWatch;
  /** It is one of several processes, of which the first tells that the concentrator is up. */
  readonly isWorker: boolean;
  /** False where the first process has bound no UDP sockets, and has said so. */
  readonly hasUdp: boolean;
}

/** The concentrator: subflows in, connections to origins out. */
export class Concentrator {
  readonly #parts: ConcentratorParts;
  readonly #life = new Lifecycle();
  #listener: SubflowListener | undefined;
  #config: ConcentratorConfig;

  constructor(parts: ConcentratorParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  /** Rejects with ListenError, EndpointError or DatabaseError; nothing that was started runs on then. */
  start(): Promise<void> {
    return this.#life.start(() => this.#start());
  }

  /**
   * Takes over what of a new configuration can be taken over while running, and logs the rest. Rejects when it has changed
   * nothing, or with PartialReloadError.
   */
  async reload(next: ConcentratorConfig): Promise<void> {
    const { logger, clientKeeper, measurements, published, gate, addresses } = this.#parts;
    const changes = describeReload(this.#config, next);
    const setAddresses = addresses.prepare(next);
    await applyReload(changes, logger, async () => {
      // Before any name is waited for: a revoked client loses its sessions at once.
      if (areClientsInFiles(this.#config, next)) clientKeeper.replace(next.clients);
      gate.setRanges(visitorRanges(next.visitors));
      published.setBindPorts(next.visitors.bindPorts);
      measurements.close();
      this.#listener?.setIdentity(next.tls);
      logger.level = next.log.level;
      setAddresses();
      this.#config = takenOver(this.#config, next);
      await addresses.refresh();
      return {};
    });
  }

  /**
   * GOAWAY, then up to `drainTimeoutMs` for open streams, while their sessions may have further subflows and there are no new
   * ones; then the end. A second call ends the wait at once.
   */
  close(): Promise<void> {
    return this.#life.close();
  }

  /** The parts close in the reverse order of the calls of `onClose`. */
  async #start(): Promise<void> {
    const life = this.#life;
    const { logger, endpoint, clients, clientKeeper, sessions, measurements, admission } = this.#parts;
    const { listen, port, hasUdp, addresses, watch, memoryWatch } = this.#parts;
    life.onClose(() => endpoint.close());
    // It writes what the sessions have carried to their end.
    life.onClose(() => clientKeeper.close());
    await clientKeeper.start();
    // Sessions say that they are over by their subflows.
    life.onClose(() => port.close());
    life.onClose(() => sessions.close());
    life.onClose(() => measurements.close());
    life.onClose(() => watch.stop());
    watch.start();
    life.onClose(() => memoryWatch.stop());
    life.onClose(() => admission.close());
    const listener = await listen();
    this.#listener = listener;
    life.onClose(() => listener.close());
    if (hasUdp) await openDatagramPort(port, listener.addresses(), this.#config, logger);
    // It listens until then: sessions that go on may need another subflow, as when an uplink was lost for a moment.
    life.onClose(() => this.#drain());
    await endpoint.start();
    life.onClose(() => addresses.stop());
    addresses.start(listener.addresses());
    logger.info(
      { listen: listener.addresses().map(formatDestination), clients: clients.count },
      this.#parts.isWorker ? 'worker is up' : 'concentrator is up',
    );
  }

  async #drain(): Promise<void> {
    const { config, sessions, published } = this.#parts;
    published.close();
    await this.#life.patiently(config.limits.drainTimeoutMs, sessions.drain());
  }
}
