import { ClientList } from '../clients/client-list.ts';
import type { ClientSource, OnClients } from '../clients/client-source.ts';
import { type FollowDeps, followClients } from '../clients/follow-clients.ts';
import type { ClientEntry, ConcentratorConfig } from '../config/concentrator-config.ts';
import type { UsageCount } from '../usage/usage-count.ts';
import type { UsageKeeping } from '../usage/usage-keeper.ts';
import type { UsedBytes } from '../worker/calls.ts';

/** What is due to be written is looked for so often. */
const STEP_MS = 1_000;

/** The clients of all workers, in the first process: it follows the list, and keeps what the workers tell of usage. */
export class ClientsOfAll {
  readonly #source: ClientSource;
  readonly #usage: UsageKeeping;
  readonly #list: ClientList;
  #clients: readonly ClientEntry[];
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    clients: readonly ClientEntry[],
    { source, usageKeeper }: { readonly source: ClientSource; readonly usageKeeper: UsageKeeping },
  ) {
    this.#source = source;
    this.#usage = usageKeeper;
    this.#clients = clients;
    this.#list = new ClientList(clients);
  }

  /** By the configuration. Nothing runs yet. */
  static async open(config: ConcentratorConfig, deps: FollowDeps): Promise<ClientsOfAll> {
    return new ClientsOfAll(config.clients, await followClients(config, deps));
  }

  /** Has the list, and follows it; later ones go to `onClients`. Rejects with DatabaseError. */
  async start(onClients: OnClients): Promise<void> {
    const first = await this.#source.start((clients, changed) => {
      this.replace(clients);
      onClients(clients, changed);
    });
    this.replace(first);
    await this.#usage.start();
    this.#timer = setInterval(() => this.#usage.add([]), STEP_MS);
  }

  /** Other clients from now on. */
  replace(clients: readonly ClientEntry[]): void {
    this.#clients = clients;
    this.#list.replace(clients);
  }

  /** As they are now. */
  get all(): readonly ClientEntry[] {
    return this.#clients;
  }

  get(clientId: string): ClientEntry | undefined {
    return this.#list.get(clientId);
  }

  /** See `ClientSource`. */
  get trouble(): ClientSource['trouble'] {
    return this.#source.trouble;
  }

  /** In this month. */
  usedBytes(clientId: string): number {
    return this.#usage.usedBytes(clientId);
  }

  /** A worker has counted this. @returns what it needs to know of these clients */
  add(counts: readonly UsageCount[]): UsedBytes {
    this.#usage.add(counts);
    const used = counts
      .filter(({ client }) => this.#list.get(client)?.quota !== undefined)
      .map(({ client }) => [client, this.#usage.usedBytes(client)] as const);
    return { used, trouble: this.#source.trouble };
  }

  /** Writes what was counted. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#usage.close([]);
    await this.#source.close();
  }
}
