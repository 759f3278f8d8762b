import type { Logger } from 'pino';
import { applyReload } from '../shared/runtime/config/reload.ts';
import type { HttpEndpoint } from '../shared/runtime/observe/http-endpoint.ts';
import type { ProcessWatch } from '../shared/runtime/observe/process-watch.ts';
import { Lifecycle } from '../shared/runtime/process/lifecycle.ts';
import type { Concentrators } from './concentrators/concentrators.ts';
import type { ClientConfig } from './config/client-config.ts';
import type { ConfigChanges } from './config/config-changes.ts';
import { describeReload, takenOver } from './config/describe-reload.ts';
import { zoneWarning } from './config/zone-warning.ts';
import type { UplinkSet } from './discovery/uplink-set.ts';
import type { Fallback } from './fallback/fallback.ts';
import type { ApplicationPoints } from './front/application-points.ts';
import type { FrontDoor } from './front/front-door.ts';
import type { Metering } from './metering/metering.ts';
import type { NetworkWatch } from './network/network-watch.ts';
import type { PageFeed } from './page/page-feed.ts';
import type { MinuteTimer } from './schedule/minute-timer.ts';
import type { AssociateOpener } from './socks5/associate-opening.ts';
import type { SpeedTests } from './speedtest/speed-tests.ts';
import type { ClientStatus } from './status/client-status.ts';
import { RuleSet } from './steering/rule-set.ts';
import type { Steering } from './steering/steering.ts';
import type { TransparentListener } from './transparent/transparent-listener.ts';
import type { TransparentDatagrams } from './transparent/udp/transparent-datagrams.ts';

/** The parts that the client proxy starts, tells of new configurations, and closes. */
export interface ClientParts {
  readonly config: ClientConfig;
  readonly logger: Logger;
  readonly endpoint: HttpEndpoint<ClientStatus>;
  /** Absent: there is no endpoint. */
  readonly pageFeed: PageFeed | undefined;
  readonly changes: ConfigChanges;
  readonly uplinks: UplinkSet;
  readonly metering: Metering;
  readonly concentrators: Concentrators;
  readonly fallback: Fallback;
  readonly steering: Steering;
  readonly front: FrontDoor;
  readonly associates: Pick<AssociateOpener, 'drain'>;
  readonly points: ApplicationPoints;
  /** Absent: no redirected connections are served. */
  readonly transparent: TransparentListener | undefined;
  /** Absent: no redirected datagrams are. */
  readonly transparentDatagrams: TransparentDatagrams | undefined;
  readonly network: NetworkWatch;
  readonly minutes: MinuteTimer;
  readonly speedTests: SpeedTests;
  readonly watch: ProcessWatch;
  /** TZ of the environment. */
  readonly timeZone: string | undefined;
}

/** How long connections that are open, and what they have sent, may take to end when the proxy closes. */
const DRAIN_MS = 10_000;

/** The client proxy: connections of applications in, subflows out. */
export class ClientProxy {
  readonly #parts: ClientParts;
  readonly #life = new Lifecycle();
  #config: ClientConfig;
  /** Without what waits for a restart. */
  #holds: ClientConfig;

  constructor(parts: ClientParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#holds = parts.config;
  }

  /** Rejects with ListenError or EndpointError; nothing that was started runs on then. */
  start(): Promise<void> {
    return this.#life.start(() => this.#start());
  }

  /** What it goes by. */
  get config(): ClientConfig {
    return this.#config;
  }

  /** Reads its file again, and takes over what it says, with the changes that are held on top. Rejects as `reload`, or with ConfigError. */
  reloadFile(): Promise<void> {
    return this.#parts.changes.reloadFile();
  }

  /**
   * Takes over what of a new configuration can be taken over while running, and logs the rest. Rejects when it has changed
   * nothing, or with PartialReloadError.
   */
  async reload(next: ClientConfig): Promise<void> {
    const { logger, uplinks, steering, concentrators, fallback, points } = this.#parts;
    const changes = describeReload(this.#holds, next);
    const rules = new RuleSet(next.steering);
    await applyReload(changes, logger, () => {
      logger.level = next.log.level;
      // The mode waits for a restart, and until then what belongs to it stays: of a file in the other one there is nothing of it.
      const isSameMode = next.mode === this.#holds.mode;
      if (isSameMode) concentrators.configure(next.concentrators, next.publish);
      uplinks.configure(next);
      points.gate.setAllowed(next.socks.allow);
      const resteered = steering.reload(rules);
      if (isSameMode) fallback.configure(next.fallback);
      this.#config = next;
      this.#holds = takenOver(this.#holds, next);
      this.#warnOfZone();
      return { resteered };
    });
  }

  /** What measures the uplinks and the session. */
  get speedTests(): Pick<SpeedTests, 'measure'> {
    return this.#parts.speedTests;
  }

  /** Refuses new connections, waits for those that are open, for a while, and ends the rest. A second call ends the wait. */
  close(): Promise<void> {
    return this.#life.close();
  }

  #warnOfZone(): void {
    const { logger, timeZone } = this.#parts;
    const warning = zoneWarning(this.#config, timeZone);
    if (warning !== undefined) logger.warn(warning);
  }

  /** The parts close in the reverse order of the calls of `onClose`. */
  async #start(): Promise<void> {
    const life = this.#life;
    const { logger, endpoint, pageFeed, uplinks, metering, concentrators, fallback } = this.#parts;
    const { front, points, transparent, transparentDatagrams, network, minutes, watch } = this.#parts;
    life.onClose(() => watch.stop());
    life.onClose(() => pageFeed?.saved);
    watch.start();
    life.onClose(() => endpoint.close());
    // It may take a while: first nothing more is accepted.
    life.onClose(() => pageFeed?.stop());
    life.onClose(() => metering.close());
    life.onClose(() => concentrators.stop());
    life.onClose(() => Promise.all([front.close(), transparent?.server.close()]).then(() => {}));
    life.onClose(() => this.#drain());
    this.#warnOfZone();
    concentrators.configure(this.#config.concentrators, this.#config.publish);
    uplinks.configure(this.#config);
    await points.open();
    life.onClose(() => points.close());
    life.onClose(() => transparent?.stopListening());
    await transparent?.start();
    life.onClose(() => transparentDatagrams?.close());
    transparentDatagrams?.start();
    await endpoint.start();
    pageFeed?.start();
    life.onClose(() => minutes.stop());
    minutes.start();
    life.onClose(() => network.stop());
    await network.start();
    // Only now, when the uplinks that the network offers are known: a reserve would be dialled in their place.
    const { mode, unused } = this.#config;
    if (mode === 'concentrator') {
      concentrators.start();
      life.onClose(() => fallback.stop());
      fallback.start();
    } else if (unused.length > 0) {
      logger.warn({ unused }, 'mode: direct: sections of the configuration that are not used');
    }
    const names = uplinks.uplinks.map(({ name }) => name);
    logger.info({ mode, socks: points.addresses.join(', '), uplinks: names }, 'client proxy is up');
  }

  async #drain(): Promise<void> {
    const { concentrators, front, transparent, associates } = this.#parts;
    concentrators.goAway();
    associates.drain();
    await this.#life.patiently(
      DRAIN_MS,
      Promise.all([concentrators.drain(), front.drain(), transparent?.server.drain()]),
    );
  }
}
