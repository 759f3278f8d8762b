import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { formatByteSize } from '../../shared/runtime/config/byte-size.ts';

/** One connection to an origin, as far as the kernel's memory for it matters. */
export interface KernelHolder {
  readonly clientId: string;
  /** What the kernel keeps of it: received and not read, written and not acknowledged. */
  readonly bytes: number;
  /** Whether bytes have moved since the last look. */
  readonly isMoving: boolean;
  /** Resets it. */
  end(): void;
}

export interface KernelMemoryWatchOptions {
  /** What the kernel may keep for all origins together. */
  readonly limitBytes: number;
  /** Connections for which the kernel keeps anything, of all clients. */
  holders(): Iterable<KernelHolder>;
  /** Whether it is to keep little for each connection, those to come included. */
  narrow(isNarrow: boolean): void;
  /** Connections were reset. */
  onReset(count: number): void;
  readonly logger: Logger;
}

/** From this share of the limit on connections are narrow, until it keeps less than the other share. */
const NARROW_SHARE = 1 / 2;
const WIDE_SHARE = 1 / 4;
/** However little the program itself may take: MemoryMax allows it, and it is what some hundred connections need. */
const LEAST_LIMIT_BYTES = 64 * 1024 * 1024;
/** The share of what the kernel has for all TCP connections of the machine before it begins to save. */
const MACHINE_SHARE = 3 / 4;
const PAGE_BYTES = 4096;

/**
 * Holds what the kernel keeps for origins within a bound: all programs of the machine share its memory for TCP, and when that is
 * used up every connection suffers. From half of the bound on it keeps less for each connection, which is slower. Beyond the
 * bound, origins that send and are not read, or that do not read, are reset: those of the client that has most, where nothing
 * moves first, and of these the largest.
 */
export class KernelMemoryWatch {
  readonly #options: KernelMemoryWatchOptions;
  #isNarrow = false;

  constructor(options: KernelMemoryWatchOptions) {
    this.#options = options;
  }

  check(): void {
    const { limitBytes, holders } = this.#options;
    const byClient = new Map<string, KernelHolder[]>();
    let excessBytes = -limitBytes;
    for (const holder of holders()) {
      excessBytes += holder.bytes;
      const own = byClient.get(holder.clientId);
      if (own === undefined) byClient.set(holder.clientId, [holder]);
      else own.push(holder);
    }
    this.#narrow(excessBytes + limitBytes);
    const largestFirst = [...byClient].sort(([, one], [, other]) => sumOf(other) - sumOf(one));
    for (const [clientId, own] of largestFirst) {
      if (excessBytes > 0) excessBytes -= this.#shrink(clientId, own, excessBytes);
    }
  }

  /** Tells the connections what they may have, when that changes. */
  #narrow(keptBytes: number): void {
    const { limitBytes, narrow, logger } = this.#options;
    const isNarrow = keptBytes >= limitBytes * (this.#isNarrow ? WIDE_SHARE : NARROW_SHARE);
    if (isNarrow === this.#isNarrow) return;
    this.#isNarrow = isNarrow;
    narrow(isNarrow);
    const kernel = formatByteSize(keptBytes);
    if (isNarrow) logger.info({ kernel }, 'the kernel keeps much for origins: it keeps less for each now');
  }

  /** Resets connections of the client until they give back so much, or all of them. @returns what that gives back */
  #shrink(clientId: string, own: readonly KernelHolder[], bytes: number): number {
    const { logger, onReset } = this.#options;
    const stillFirst = own.toSorted(
      (one, other) => Number(one.isMoving) - Number(other.isMoving) || other.bytes - one.bytes,
    );
    let count = 0;
    let backBytes = 0;
    for (const holder of stillFirst) {
      if (backBytes >= bytes) break;
      backBytes += holder.bytes;
      count++;
      holder.end();
    }
    onReset(count);
    logger.warn(
      { client: clientId, kernel: formatByteSize(sumOf(own)), reset: count },
      'the kernel keeps too much for origins: reset those of a client that are not read or do not read',
    );
    return backBytes;
  }
}

/** The bound: as much as the program itself may take for streams, or a little, within what the machine has for TCP. */
export async function kernelMemoryLimit(
  memoryTotalBytes: number,
  processes = 1,
  file = TCP_MEMORY_FILE,
): Promise<number> {
  return Math.min(
    Math.max(memoryTotalBytes, LEAST_LIMIT_BYTES),
    ((await tcpMemoryBytes(file)) ?? Number.POSITIVE_INFINITY) * (MACHINE_SHARE / processes),
  );
}

const TCP_MEMORY_FILE = '/proc/sys/net/ipv4/tcp_mem';

/** What the kernel may keep for TCP before it begins to save memory; undefined where it does not say (Linux does). */
async function tcpMemoryBytes(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const pages = Number(text.trim().split(/\s+/)[1]);
  return pages > 0 ? pages * PAGE_BYTES : undefined;
}

function sumOf(holders: readonly KernelHolder[]): number {
  return holders.reduce((sum, { bytes }) => sum + bytes, 0);
}
