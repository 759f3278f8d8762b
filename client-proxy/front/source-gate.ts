import type { Logger } from 'pino';
import { AddressRanges } from '../../shared/runtime/address/address-ranges.ts';
import { plainAddress } from '../../shared/runtime/address/plain-address.ts';
import { isLoopback } from '../../shared/runtime/address/special-ranges.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { LineLimit, type LineLog } from '../../shared/runtime/observe/line-limit.ts';
import { formatListenPoint, isLocalPoint, type ListenPoint } from '../../shared/runtime/tcp/listen-point.ts';

export interface SourceGateOptions {
  /** `socks.allow`: networks. */
  readonly allow: readonly string[];
  /** Whether users and passwords are asked for. */
  readonly hasUsers: boolean;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/**
 * Who may connect, by address: this machine's loopback, and the ranges of `socks.allow`; without ranges everybody, if passwords are
 * asked for, and else nobody else. So nothing that is listened at is open to all by mistake, whatever was handed over or reloaded.
 * Unix sockets have the permissions of their file instead.
 */
export class SourceGate {
  readonly #hasUsers: boolean;
  readonly #log: LineLog;
  #ranges: AddressRanges;
  #refused = 0;

  constructor({ allow, hasUsers, clock, logger }: SourceGateOptions) {
    this.#hasUsers = hasUsers;
    this.#ranges = new AddressRanges(allow);
    this.#log = new LineLimit(clock).over(logger);
  }

  /** Connections that were refused so far. */
  get refused(): number {
    return this.#refused;
  }

  /** Other ranges from now on; connections that are open stay. */
  setAllowed(allow: readonly string[]): void {
    this.#ranges = new AddressRanges(allow);
  }

  /** How the connections of a listener are judged; undefined where all may connect. */
  at(point: ListenPoint): ((address: string) => boolean) | undefined {
    if (isLocalPoint(point)) return undefined;
    if (this.#ranges.isEmpty && !this.#hasUsers) {
      const message =
        'other machines can reach this address, and are refused: add socks.users, or their addresses to socks.allow';
      this.#log.warn({ listen: formatListenPoint(point) }, message);
    }
    return (address) => this.#admits(address);
  }

  /** Whether whoever has this address may use the proxy. */
  isOpenTo(address: string): boolean {
    const isOpen = this.#ranges.isEmpty ? this.#hasUsers : this.#ranges.has(address);
    return isOpen || isLoopback(plainAddress(address));
  }

  #admits(address: string): boolean {
    if (this.isOpenTo(address)) return true;
    // One that is gone again has no address any more.
    if (address === '') return false;
    this.#refused++;
    this.#log.warn({ address }, 'an application was refused: its address is not in socks.allow');
    return false;
  }
}
