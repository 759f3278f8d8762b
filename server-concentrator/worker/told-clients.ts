import type { WallClock } from '../../shared/runtime/clock.ts';
import type { ClientSource, OnClients } from '../clients/client-source.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';
import { monthOf, type UsageCount } from '../usage/usage-count.ts';
import type { UsageKeeping } from '../usage/usage-keeper.ts';
import type { PrimaryCalls, WorkerCalls } from './calls.ts';
import type { Channel } from './channel.ts';

/** The list of clients and their usage in one of several processes: the first one has both, and tells what is needed here. */
export class ToldClients implements ClientSource, UsageKeeping {
  readonly #primary: Pick<Channel<WorkerCalls, PrimaryCalls>, 'ask'>;
  #clients: readonly ClientEntry[];
  #onList: OnClients | undefined;
  #trouble: ClientSource['trouble'];
  readonly #wallClock: WallClock;
  /** Bytes by client, as they were last told. */
  readonly #used = new Map<string, number>();
  /** That of `#used`. */
  #month = '';

  constructor(
    primary: Pick<Channel<WorkerCalls, PrimaryCalls>, 'ask'>,
    clients: readonly ClientEntry[],
    wallClock: WallClock,
  ) {
    this.#primary = primary;
    this.#clients = clients;
    this.#wallClock = wallClock;
  }

  async start(onList?: OnClients): Promise<readonly ClientEntry[]> {
    if (onList !== undefined) this.#onList = onList;
    return this.#clients;
  }

  get trouble(): ClientSource['trouble'] {
    return this.#trouble;
  }

  /** The first process has another list. */
  onList(clients: readonly ClientEntry[]): void {
    this.#clients = clients;
    const known = new Set(clients.map(({ id }) => id));
    for (const clientId of this.#used.keys()) if (!known.has(clientId)) this.#used.delete(clientId);
    this.#onList?.(clients);
  }

  /** The first process has told what a client has used in this month. */
  onUsed(clientId: string, bytes: number): void {
    this.#beginMonth();
    this.#used.set(clientId, bytes);
  }

  /** Also without counts: the answer tells whether the list can be asked for. */
  add(counts: readonly UsageCount[]): void {
    void this.#tell(counts);
  }

  usedBytes(clientId: string): number {
    this.#beginMonth();
    return this.#used.get(clientId) ?? 0;
  }

  async close(counts: readonly UsageCount[] = []): Promise<void> {
    await this.#tell(counts);
  }

  /** Nobody tells of a client that carries nothing, such as one that is refused since its quota of the month before is used up. */
  #beginMonth(): void {
    const month = monthOf(this.#wallClock());
    if (month === this.#month) return;
    this.#month = month;
    this.#used.clear();
  }

  /** Never rejects: counts arrive even where the answer is late, and without the first process nobody can keep them. */
  async #tell(counts: readonly UsageCount[]): Promise<void> {
    this.#beginMonth();
    const month = this.#month;
    const answer = await this.#primary.ask('usage', counts).catch(() => undefined);
    if (answer === undefined) return;
    this.#trouble = answer.trouble;
    this.#beginMonth();
    // That of the month before may be what was told.
    if (month !== this.#month) return;
    for (const [clientId, bytes] of answer.used) this.onUsed(clientId, bytes);
  }
}
