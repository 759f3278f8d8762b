import { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { PerClient } from '../../shared/runtime/per-client.ts';

export interface MemoryLimits {
  readonly memoryTotalBytes: number;
  readonly memoryPerClientBytes: number;
  readonly memoryPerSessionBytes: number;
}

const POOL_PART = 1 / 16;
/** Enough for what a process reads and writes on at any time. */
const MAX_POOL_BYTES = 64 * 1024 * 1024;
/** What TLS and Node.js keep for one connection. */
const SUBFLOW_BYTES = 64 * 1024;
/** Subflows that a session may have however short its memory is. */
const FIRST_SUBFLOWS = 8;
/** What the program takes besides the memory of streams. */
const BESIDES_BYTES = 256 * 1024 * 1024;

/**
 * What the process and the kernel's memory for its sockets, which systemd counts as well, may take in all: the same again as
 * for streams for the kernel, and what each process of the program itself takes.
 */
export function memoryMaxBytes(memoryTotalBytes: number, processes = 1): number {
  return 2 * memoryTotalBytes + processes * BESIDES_BYTES;
}

/** The memory of the process and of each client, above that of their sessions. */
export class MemoryLevels implements PerClient {
  readonly total: MemoryBudget;
  readonly #limits: MemoryLimits;
  /** By client id. */
  readonly #clients = new Map<string, MemoryBudget>();

  constructor(limits: MemoryLimits) {
    this.#limits = limits;
    this.total = new MemoryBudget(limits.memoryTotalBytes);
  }

  /** What buffers to read into may take, in addition to what streams may. */
  get poolBytes(): number {
    return Math.min(this.total.limitBytes * POOL_PART, MAX_POOL_BYTES);
  }

  get largestClientBytes(): number {
    return Math.max(0, ...[...this.#clients.values()].map(({ usedBytes }) => usedBytes));
  }

  /** For a new session of the client. */
  forSession(clientId: string): MemoryBudget {
    let client = this.#clients.get(clientId);
    if (client === undefined) {
      client = new MemoryBudget(this.#limits.memoryPerClientBytes, this.total);
      this.#clients.set(clientId, client);
    }
    return new MemoryBudget(this.#limits.memoryPerSessionBytes, client);
  }

  /** The list of clients is another one: what sessions of those that it does not have still hold counts for all together alone. */
  keepClients(isKnown: (clientId: string) => boolean): void {
    for (const clientId of this.#clients.keys()) if (!isKnown(clientId)) this.#clients.delete(clientId);
  }
}

/** The memory of a session's subflows themselves. */
export class SubflowMemory {
  readonly #memory: MemoryBudget;
  #count = 0;

  constructor(memory: MemoryBudget) {
    this.#memory = memory;
  }

  /** Whether there is memory for another one. The first few are taken in any case: what is kept leaves on them. */
  get hasRoom(): boolean {
    return this.#count < FIRST_SUBFLOWS || this.#memory.freeBytes() >= SUBFLOW_BYTES;
  }

  add(): void {
    this.#count++;
    this.#memory.take(SUBFLOW_BYTES);
  }

  remove(): void {
    if (this.#count === 0) return;
    this.#count--;
    this.#memory.give(SUBFLOW_BYTES);
  }

  /** The session is over. */
  close(): void {
    while (this.#count > 0) this.remove();
  }
}
