import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { ClientList } from '../clients/client-list.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';
import { BytePacer } from './byte-pacer.ts';
import type { LimitHits } from './limit-hits.ts';
import type { Pacers } from './paced-socket.ts';

export interface ClientAllowancesOptions {
  readonly clients: Pick<ClientList, 'get'>;
  /** In this month, both ways together. */
  usedBytes(clientId: string): number;
  readonly clock: MonotonicClock;
  readonly limitHits: Pick<LimitHits, 'note'>;
}

/** What connections that are open have, together, when a quota that refuses is used up: a shell can be left in order. */
const REST_BYTES_PER_SECOND = 16_000;

/** What each client may carry: its rate, and its quota of the month. */
export class ClientAllowances {
  readonly #options: ClientAllowancesOptions;
  /** By client: as many as are in the list and have had a connection. */
  readonly #pacers = new Map<string, Pacers>();

  constructor(options: ClientAllowancesOptions) {
    this.#options = options;
  }

  /** Why the client may have no new connection now, if it may not; that is told of. */
  refuse(clientId: string): ErrorName | undefined {
    const client = this.#options.clients.get(clientId);
    if (client?.quota?.whenUsedUp !== 'refuse' || !this.#hasUsedUp(client)) return undefined;
    this.#options.limitHits.note('quota', clientId);
    return 'quotaUsedUp';
  }

  /** What its connections are held to, also where it has no rate now: it may get one, and what is open is held to it then. */
  pacersOf(clientId: string): Pacers {
    const known = this.#pacers.get(clientId);
    if (known !== undefined) return known;
    const { clock, clients } = this.#options;
    const pacers = { down: new BytePacer(clock), up: new BytePacer(clock) };
    this.#pacers.set(clientId, pacers);
    this.#set(clients.get(clientId), pacers);
    return pacers;
  }

  /** Rates as the list and the usage are now; called each second or so, and when the list has changed. */
  review(): void {
    for (const [clientId, pacers] of this.#pacers) {
      const client = this.#options.clients.get(clientId);
      this.#set(client, pacers);
      if (client === undefined) this.#pacers.delete(clientId);
    }
  }

  #set(client: ClientEntry | undefined, { down, up }: Pacers): void {
    const rate = client === undefined ? undefined : this.#rateOf(client);
    down.setRate(rate);
    up.setRate(rate);
  }

  #rateOf(client: ClientEntry): number | undefined {
    const { rateBytesPerSecond: rate = Number.POSITIVE_INFINITY, quota } = client;
    const isUsedUp = quota !== undefined && this.#hasUsedUp(client);
    if (!isUsedUp) return client.rateBytesPerSecond;
    return Math.min(
      rate,
      quota.whenUsedUp === 'refuse' ? REST_BYTES_PER_SECOND : quota.whenUsedUp.bytesPerSecond,
    );
  }

  #hasUsedUp({ id, quota }: ClientEntry): boolean {
    return quota !== undefined && this.#options.usedBytes(id) >= quota.bytes;
  }
}
