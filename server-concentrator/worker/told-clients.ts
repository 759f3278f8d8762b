import type { ClientSource, OnClients } from '../clients/client-source.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';
import type { UsageCount } from '../usage/usage-count.ts';
import type { UsageKeeping } from '../usage/usage-keeper.ts';
import type { ClientsChange, PrimaryCalls, WorkerCalls } from './calls.ts';
import type { Channel } from './channel.ts';

/** The list of clients and their usage in one of several processes: the first one has both, and tells what is needed here. */
export class ToldClients implements ClientSource, UsageKeeping {
  readonly #primary: Pick<Channel<WorkerCalls, PrimaryCalls>, 'ask'>;
  #clients: Map<string, ClientEntry>;
  #onClients: OnClients | undefined;
  #trouble: ClientSource['trouble'];
  /** Bytes of this month by client, as they were last told: as many as have had a session here. */
  readonly #used = new Map<string, number>();

  constructor(primary: Pick<Channel<WorkerCalls, PrimaryCalls>, 'ask'>, clients: readonly ClientEntry[]) {
    this.#primary = primary;
    this.#clients = byId(clients);
  }

  async start(onClients?: OnClients): Promise<readonly ClientEntry[]> {
    if (onClients !== undefined) this.#onClients = onClients;
    return [...this.#clients.values()];
  }

  get trouble(): ClientSource['trouble'] {
    return this.#trouble;
  }

  /** The first process has another list. */
  onList(change: ClientsChange): void {
    if ('all' in change) {
      this.#clients = byId(change.all);
      this.#onClients?.(change.all);
      return;
    }
    for (const id of change.removed) this.#clients.delete(id);
    for (const client of change.put) this.#clients.set(client.id, client);
    const changed = new Set([...change.removed, ...change.put.map(({ id }) => id)]);
    this.#onClients?.([...this.#clients.values()], changed);
  }

  /** The first process has told what a client has used in this month. */
  onUsed(clientId: string, bytes: number): void {
    this.#used.set(clientId, bytes);
  }

  /** Also without counts: the answer tells whether the list can be asked for. */
  add(counts: readonly UsageCount[]): void {
    void this.#tell(counts);
  }

  usedBytes(clientId: string): number {
    return this.#used.get(clientId) ?? 0;
  }

  async close(counts: readonly UsageCount[] = []): Promise<void> {
    await this.#tell(counts);
  }

  /** Never rejects: counts arrive even where the answer is late, and without the first process nobody can keep them. */
  async #tell(counts: readonly UsageCount[]): Promise<void> {
    const answer = await this.#primary.ask('usage', counts).catch(() => undefined);
    if (answer === undefined) return;
    for (const [clientId, bytes] of answer.used) this.onUsed(clientId, bytes);
    this.#trouble = answer.trouble;
  }
}

function byId(clients: readonly ClientEntry[]): Map<string, ClientEntry> {
  return new Map(clients.map((client) => [client.id, client]));
}
