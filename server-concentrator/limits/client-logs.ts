import type { Logger } from 'pino';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { LineLimit, type LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { PerClient } from '../../shared/runtime/per-client.ts';

/** What is logged about each client, under a limit of its own. */
export class ClientLogs implements PerClient {
  readonly #logger: Logger;
  readonly #clock: MonotonicClock;
  readonly #clients = new Map<string, { readonly limit: LineLimit; readonly log: LineLog }>();

  constructor(logger: Logger, clock: MonotonicClock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  /** The log for what concerns a client as a whole. */
  of(clientId: string): LineLog {
    return this.#client(clientId).log;
  }

  /** The log of one of its sessions. */
  ofSession(clientId: string, session: string): LineLog {
    return this.#client(clientId).limit.over(this.#logger.child({ client: clientId, session }));
  }

  /** The list of clients is another one: those that it does not have need no limit. */
  keepClients(isKnown: (clientId: string) => boolean): void {
    for (const clientId of this.#clients.keys()) if (!isKnown(clientId)) this.#clients.delete(clientId);
  }

  #client(clientId: string) {
    let client = this.#clients.get(clientId);
    if (client === undefined) {
      const limit = new LineLimit(this.#clock);
      client = { limit, log: limit.over(this.#logger.child({ client: clientId })) };
      this.#clients.set(clientId, client);
    }
    return client;
  }
}
