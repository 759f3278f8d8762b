import type { WallClock } from '../shared/runtime/clock.ts';
import type { PerClient } from '../shared/runtime/per-client.ts';
import { type ClientList, hasExpired } from './clients/client-list.ts';
import type { ClientSource } from './clients/client-source.ts';
import { formatExpiry } from './config/client-expiry.ts';
import type { ClientEntry } from './config/concentrator-config.ts';
import type { OriginDatagrams } from './datagram/origin-datagrams.ts';
import type { ClientAllowances } from './limits/client-allowances.ts';
import { PortGrants } from './publish/port-grants.ts';
import type { PublishedPorts } from './publish/published-ports.ts';
import type { SessionRegistry } from './session/session-registry.ts';
import type { UsageKeeping } from './usage/usage-keeper.ts';
import type { UsageMeters } from './usage/usage-meters.ts';

export interface ClientKeeperOptions {
  readonly source: ClientSource;
  readonly clients: ClientList;
  readonly sessions: Pick<SessionRegistry, 'closeRevoked'>;
  readonly published: Pick<PublishedPorts, 'replaceGrants'>;
  readonly datagrams: Pick<OriginDatagrams, 'recheck'>;
  readonly allowances: Pick<ClientAllowances, 'review'>;
  readonly meters: UsageMeters;
  readonly perClient: readonly PerClient[];
  readonly usageKeeper: UsageKeeping;
  readonly wallClock: WallClock;
}

/** Expiry, rates and quotas are looked at so often. */
const STEP_MS = 1_000;

/** Follows the list of clients: who is removed, or whose time is over, loses all sessions; what the others may do holds at once. */
export class ClientKeeper {
  readonly #options: ClientKeeperOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClientKeeperOptions) {
    this.#options = options;
  }

  /** Has the list, and follows it. Rejects with DatabaseError. */
  async start(): Promise<void> {
    const { source, usageKeeper } = this.#options;
    this.replace(await source.start((clients, changed) => this.replace(clients, changed)));
    await usageKeeper.start();
    this.#timer = setInterval(() => this.#step(), STEP_MS);
  }

  /** Other clients from now on. @param changed see `OnClients` */
  replace(list: readonly ClientEntry[], changed?: ReadonlySet<string>): void {
    const { clients, published, datagrams, allowances, meters, perClient } = this.#options;
    clients.replace(list);
    this.#closeRevoked();
    published.replaceGrants(new PortGrants(list));
    datagrams.recheck(changed);
    allowances.review();
    for (const part of [meters, ...perClient]) part.keepClients((id) => clients.get(id) !== undefined);
  }

  /** Why a client may not come in now, if it may not. */
  whyNot(clientId: string): string | undefined {
    const { clients, wallClock } = this.#options;
    const client = clients.get(clientId);
    if (client === undefined || !hasExpired(client, wallClock())) return undefined;
    return `the client has expired (${formatExpiry(client.expiresMs!)}): tributary-concentrator client set ${clientId} --expires DATE`;
  }

  /** Since when the list cannot be asked for, and why; undefined while it can. */
  get trouble(): ClientSource['trouble'] {
    return this.#options.source.trouble;
  }

  /** Writes what was counted. */
  async close(): Promise<void> {
    const { source, usageKeeper, meters } = this.#options;
    clearInterval(this.#timer);
    await usageKeeper.close(meters.collect());
    await source.close();
  }

  #step(): void {
    const { usageKeeper, meters, allowances } = this.#options;
    usageKeeper.add(meters.collect());
    this.#closeRevoked();
    allowances.review();
  }

  #closeRevoked(): void {
    const { clients, sessions, wallClock } = this.#options;
    const nowMs = wallClock();
    sessions.closeRevoked((clientId) => {
      const client = clients.get(clientId);
      return client === undefined || hasExpired(client, nowMs) ? [] : clients.keysOf(clientId);
    });
  }
}
