import { isIPv4 } from 'node:net';
import type { Logger } from 'pino';
import { TributaryError } from '../../shared/protocol/errors.ts';
import {
  type AppSocketPoint,
  type AppSocketPointOptions,
  acceptAppSocketsAt,
} from '../../shared/runtime/app/app-socket-listener.ts';
import {
  formatListenPoint,
  type InheritedSocket,
  type ListenPoint,
} from '../../shared/runtime/tcp/listen-point.ts';
import type { ListenAddress } from '../../shared/runtime/tcp/tcp-listener.ts';
import type { UnixAddress } from '../../shared/runtime/tcp/unix-listener.ts';
import type { SourceGate } from './source-gate.ts';

/** The sockets that systemd hands over: those of a name, or all. */
export interface SystemdSockets {
  readonly systemd: string | 'all';
}

/** An entry of `socks.listen`. */
export type ConfiguredPoint = ListenAddress | UnixAddress | SystemdSockets;

/** `systemd` stands in `socks.listen`, and there is no such socket. */
export class NoInheritedSocketError extends TributaryError {
  constructor(configured: SystemdSockets, inherited: readonly InheritedSocket[]) {
    const found = inherited.length === 0 ? 'none' : inherited.map(({ name }) => name).join(', ');
    const advice =
      'start it by its .socket unit (systemctl start tributary-client.socket), or give an address';
    super(
      'networkFailure',
      `socks.listen: ${formatConfiguredPoint(configured)}: systemd has handed over no such socket (it has: ${found}): ${advice}`,
      'ours',
    );
  }
}

/** As in the configuration. */
export function formatConfiguredPoint(point: ConfiguredPoint): string {
  if ('systemd' in point) return point.systemd === 'all' ? 'systemd' : `systemd:${point.systemd}`;
  return formatListenPoint(point);
}

/**
 * Where to listen, with the sockets that were handed over in place of the entries that mean them.
 *
 * @throws NoInheritedSocketError
 */
export function listenPoints(
  configured: readonly ConfiguredPoint[],
  inherited: readonly InheritedSocket[],
): readonly ListenPoint[] {
  const points = configured.flatMap((point): readonly ListenPoint[] => {
    if (!('systemd' in point)) return [point];
    const meant = inherited.filter(({ name }) => point.systemd === 'all' || point.systemd === name);
    if (meant.length === 0) throw new NoInheritedSocketError(point, inherited);
    return meant;
  });
  return [...new Set(points)];
}

export interface ApplicationPointsOptions extends Omit<AppSocketPointOptions, 'admission' | 'setting'> {
  readonly listen: readonly ConfiguredPoint[];
  /** Listening sockets that a service manager has handed over. */
  readonly inherited: readonly InheritedSocket[];
  /** Who may connect, by address. */
  readonly gate: SourceGate;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Listens for applications at all points of `socks.listen`. */
export class ApplicationPoints {
  readonly gate: SourceGate;
  readonly #options: ApplicationPointsOptions;
  readonly #listeners: AppSocketPoint[] = [];

  constructor(options: ApplicationPointsOptions) {
    this.gate = options.gate;
    this.#options = options;
  }

  /** Listens at all of them, or rejects with ListenError or NoInheritedSocketError and listens at none. */
  async open(): Promise<void> {
    const { listen, inherited, gate, logger } = this.#options;
    const points = listenPoints(listen, inherited);
    const unused = inherited.filter((socket) => !points.includes(socket)).map(({ name }) => name);
    if (unused.length > 0) {
      logger.warn(
        { unused },
        'systemd has handed over sockets that are not used: put systemd into socks.listen',
      );
    }
    const options = {
      ...this.#options,
      setting: 'socks.listen',
      admission: (point: ListenPoint) => gate.at(point),
    };
    try {
      for (const point of points) {
        const ipv6Only = hasIpv4Twin(point, points);
        this.#listeners.push(await acceptAppSocketsAt(point, { ...options, ipv6Only }));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Where it listens, in words; empty while it does not. */
  get addresses(): readonly string[] {
    return this.#listeners.map(({ point }) => formatListenPoint(point));
  }

  /** Stops accepting, at once; connections that were accepted stay. */
  close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }
}

/** Whether an IPv6 address must leave IPv4 to another entry with the same port: `::` would take both. */
function hasIpv4Twin(point: ListenPoint, points: readonly ListenPoint[]): boolean {
  if (!('host' in point) || isIPv4(point.host)) return false;
  return points.some((other) => 'host' in other && isIPv4(other.host) && other.port === point.port);
}
