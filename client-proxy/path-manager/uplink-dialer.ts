import type { Logger } from 'pino';
import type { Destination } from '../../shared/protocol/destination.ts';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { SubflowTransport } from '../../shared/runtime/net/subflow-transport.ts';
import type { Uplink } from '../../shared/runtime/net/uplink.ts';
import type { Backoff } from './backoff.ts';
import { NORMAL_USE, type UplinkUseWithReason } from './uplink-use.ts';

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
  /** Takes a healthy subflow out of use, in good order. */
  retire(subflowId: number): void;
  /** Closes a subflow now. */
  remove(subflowId: number): void;
  /** Makes a subflow a backup, or an ordinary one again. */
  setBackup(subflowId: number, isBackup: boolean): void;
  onDial(uplinkName: string, result: 'ok' | 'failed'): void;
}

/** Whether the uplink carries a subflow, and if not, why. */
export interface UplinkStatus {
  readonly name: string;
  readonly isUp: boolean;
  readonly reason: string;
}

/**
 * Keeps one uplink in use with as many subflows as are wanted, dialled one after the other; another beside one that is
 * doubted for long; redialled with back-off when they are gone.
 */
export class UplinkDialer {
  readonly #options: UplinkDialerOptions;
  readonly #healthy = new Set<number>();
  readonly #abort = new AbortController();
  #attempt = 0;
  #isDialling = false;
  #waiting: NodeJS.Timeout | undefined;
  #reason = 'not dialled yet';
  /** Doubted for long: no longer counted, and not yet gone. */
  readonly #silent = new Set<number>();
  #wanted = 1;
  #use = NORMAL_USE;
  #removing: NodeJS.Timeout | undefined;

  constructor(options: UplinkDialerOptions) {
    this.#options = options;
  }

  get status(): UplinkStatus {
    const isUp = this.#healthy.size > 0;
    const { use, reason } = this.#use;
    const unused = use === 'stopped' ? `stopped: ${reason}` : this.#reason;
    return { name: this.#options.uplink.name, isUp, reason: isUp ? 'in use' : unused };
  }

  /** Whether its subflows are to be backups: as configured, or as it has come to be used. */
  get isBackup(): boolean {
    return this.#options.uplink.backup || this.#use.use === 'backup';
  }

  /** From now on. Stopped, it loses its subflows, those that are the last of the session too. */
  setUse(use: UplinkUseWithReason): void {
    const wasStopped = this.#isStopped;
    this.#use = use;
    if (this.#isStopped) {
      if (!wasStopped) this.#clear();
      return;
    }
    clearTimeout(this.#removing);
    this.#removing = undefined;
    for (const subflowId of [...this.#healthy, ...this.#silent]) {
      this.#options.setBackup(subflowId, this.isBackup);
    }
    if (wasStopped) this.retryNow();
    this.#maintain();
  }

  start(): void {
    this.#maintain();
  }

  stop(): void {
    this.#abort.abort();
    clearTimeout(this.#waiting);
    clearTimeout(this.#removing);
  }

  /** Something about the network has changed: what failed may work now. */
  retryNow(): void {
    this.#options.backoff.succeed();
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#maintain();
  }

  /** So many subflows from now on, 1 or more. */
  setWanted(count: number): void {
    this.#wanted = count;
    this.#trim();
    this.#maintain();
  }

  /** A subflow is gone; perhaps one of this uplink's. */
  onSubflowClosed(subflowId: number): void {
    this.#silent.delete(subflowId);
    if (!this.#healthy.delete(subflowId)) return;
    this.#reason = 'its subflow was lost';
    this.#scheduleRetry();
  }

  /** A subflow has been doubted for long: it no longer counts. */
  onSubflowDoubted(subflowId: number): void {
    if (!this.#healthy.delete(subflowId)) return;
    this.#reason = 'its subflow is silent';
    this.#silent.add(subflowId);
    this.#maintain();
  }

  /** A subflow that was doubted works again. */
  onSubflowRecovered(subflowId: number): void {
    if (!this.#silent.delete(subflowId)) return;
    this.#healthy.add(subflowId);
    this.#trim();
  }

  get #isComplete(): boolean {
    return this.#healthy.size >= this.#wanted;
  }

  get #isStopped(): boolean {
    return this.#use.use === 'stopped';
  }

  /** In good order where others can take over, and soon in any case. */
  #clear(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    const { retire, remove } = this.#options;
    const subflowIds = [...this.#healthy, ...this.#silent];
    this.#healthy.clear();
    this.#silent.clear();
    for (const subflowId of subflowIds) retire(subflowId);
    this.#removing = setTimeout(() => {
      for (const subflowId of subflowIds) remove(subflowId);
    }, CLEAR_MS);
  }

  #maintain(): void {
    if (this.#isComplete || this.#isDialling || this.#isStopped || this.#abort.signal.aborted) return;
    if (this.#waiting !== undefined) return;
    this.#isDialling = true;
    void this.#dial().then((isUp) => {
      this.#isDialling = false;
      if (isUp) this.#maintain();
      else if (!this.#isComplete) this.#scheduleRetry();
    });
  }

  /** The youngest go first. */
  #trim(): void {
    for (const subflowId of [...this.#healthy].sort((a, b) => b - a)) {
      if (this.#healthy.size <= this.#wanted) return;
      this.#healthy.delete(subflowId);
      this.#options.retire(subflowId);
    }
  }

  #scheduleRetry(): void {
    if (this.#waiting !== undefined || this.#isDialling || this.#isStopped || this.#abort.signal.aborted)
      return;
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      this.#maintain();
    }, this.#options.backoff.nextMs());
  }

  /** @returns whether there is a subflow more */
  async #dial(): Promise<boolean> {
    const { uplink, addresses, connect, admit, remove, setBackup, backoff, logger, onDial } = this.#options;
    const { signal } = this.#abort;
    const address = addresses[this.#attempt++ % addresses.length]!;
    const where = formatDestination(address);
    try {
      const transport = await connect(uplink, address, signal);
      if (signal.aborted || this.#isStopped) {
        transport.destroy();
        return false;
      }
      const [replaced] = this.#silent;
      const wasBackup = this.isBackup;
      const subflowId = await admit(transport, replaced);
      if (this.#isStopped) {
        remove(subflowId);
        return false;
      }
      if (this.isBackup !== wasBackup) setBackup(subflowId, this.isBackup);
      if (replaced !== undefined) this.#silent.delete(replaced);
      this.#healthy.add(subflowId);
      this.#trim();
      backoff.succeed();
      onDial(uplink.name, 'ok');
      logger.info({ uplink: uplink.name, subflow: subflowId, concentrator: where }, 'subflow up');
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      onDial(uplink.name, 'failed');
      const reason = (error as Error).message;
      // The same trouble again and again is said once.
      const isNews = reason !== this.#reason && this.#healthy.size === 0;
      this.#reason = reason;
      logger[isNews ? 'warn' : 'debug'](
        { uplink: uplink.name, concentrator: where, reason },
        this.#healthy.size === 0 ? 'uplink not usable' : 'no further subflow',
      );
      return false;
    }
  }
}

/** What was under way on the subflows of an uplink that is stopped may arrive within this. */
const CLEAR_MS = 2_000;
