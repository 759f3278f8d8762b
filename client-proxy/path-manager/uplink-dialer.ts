import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { SubflowTransport } from '../../shared/runtime/net/subflow-transport.ts';
import type { Uplink } from '../../shared/runtime/net/uplink.ts';
import type { Backoff } from './backoff.ts';

export interface UplinkDialerOptions {
  readonly uplink: Uplink;
  /** The concentrator's addresses; each attempt takes the next. */
  readonly addresses: readonly Destination[];
  readonly backoff: Backoff;
  readonly logger: Logger;
  /** Connects and proves the other end. */
  connect(uplink: Uplink, address: Destination, signal: AbortSignal): Promise<SubflowTransport>;
  /** Brings the transport into the session, in place of the silent subflow `replaced`; resolves to the subflow's id. */
  admit(transport: SubflowTransport, replaced: number | undefined): Promise<number>;
  onDial(uplinkName: string, result: 'ok' | 'failed'): void;
}

/** Whether the uplink carries a subflow, and if not, why. */
export interface UplinkStatus {
  readonly name: string;
  readonly isUp: boolean;
  readonly reason: string;
}

/**
 * Keeps one uplink in use: one subflow at a time, another beside it when it is doubted for long, redialled with back-off
 * when it is gone.
 */
export class UplinkDialer {
  readonly #options: UplinkDialerOptions;
  readonly #healthy = new Set<number>();
  readonly #abort = new AbortController();
  #attempt = 0;
  #isDialling = false;
  #waiting: NodeJS.Timeout | undefined;
  #reason = 'not dialled yet';
  #silent: number | undefined;

  constructor(options: UplinkDialerOptions) {
    this.#options = options;
  }

  get status(): UplinkStatus {
    const isUp = this.#healthy.size > 0;
    return { name: this.#options.uplink.name, isUp, reason: isUp ? 'in use' : this.#reason };
  }

  start(): void {
    this.#maintain();
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#waiting);
  }

  /** Something about the network has changed: what failed may work now. */
  retryNow(): void {
    this.#options.backoff.succeed();
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#maintain();
  }

  /** A subflow is gone; perhaps one of this uplink's. */
  onSubflowClosed(subflowId: number): void {
    if (this.#silent === subflowId) this.#silent = undefined;
    if (!this.#healthy.delete(subflowId)) return;
    this.#reason = 'its subflow was lost';
    this.#scheduleRetry();
  }

  /** A subflow has been doubted for long: it no longer counts. */
  onSubflowDoubted(subflowId: number): void {
    if (!this.#healthy.delete(subflowId)) return;
    this.#reason = 'its subflow is silent';
    this.#silent = subflowId;
    this.#maintain();
  }

  #maintain(): void {
    if (this.#healthy.size > 0 || this.#isDialling || this.#abort.signal.aborted) return;
    if (this.#waiting !== undefined) return;
    this.#isDialling = true;
    void this.#dial().finally(() => {
      this.#isDialling = false;
      if (this.#healthy.size === 0) this.#scheduleRetry();
    });
  }

  #scheduleRetry(): void {
    if (this.#waiting !== undefined || this.#isDialling || this.#abort.signal.aborted) return;
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      this.#maintain();
    }, this.#options.backoff.nextMs());
  }

  async #dial(): Promise<void> {
    const { uplink, addresses, connect, admit, backoff, logger, onDial } = this.#options;
    const { signal } = this.#abort;
    const address = addresses[this.#attempt++ % addresses.length]!;
    const where = formatDestination(address);
    try {
      const transport = await connect(uplink, address, signal);
      if (signal.aborted) {
        transport.destroy();
        return;
      }
      const subflowId = await admit(transport, this.#silent);
      this.#silent = undefined;
      this.#healthy.add(subflowId);
      backoff.succeed();
      onDial(uplink.name, 'ok');
      logger.info({ uplink: uplink.name, subflow: subflowId, concentrator: where }, 'subflow up');
    } catch (error) {
      if (signal.aborted) return;
      onDial(uplink.name, 'failed');
      const reason = (error as Error).message;
      // The same trouble again and again is said once.
      const level = reason === this.#reason ? 'debug' : 'warn';
      this.#reason = reason;
      logger[level]({ uplink: uplink.name, concentrator: where, reason }, 'uplink not usable');
    }
  }
}
