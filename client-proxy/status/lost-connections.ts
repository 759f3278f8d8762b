import { NamedTable } from '../../shared/runtime/named-table.ts';

/** Connections of applications that ended because uplinks failed, since the program began. */
export class LostConnections {
  /** They cannot move to another uplink. */
  readonly #direct: NamedTable<{ count: number }>;
  /** A session goes on for a while without any uplink, and then ends with all that it carries. */
  #ofSessions = 0;

  /** @param maxUplinks further uplinks are counted together */
  constructor(maxUplinks: number) {
    this.#direct = new NamedTable(maxUplinks, () => ({ count: 0 }));
  }

  /** One over the concentrator has ended with its session. */
  addOfSession(): void {
    this.#ofSessions += 1;
  }

  /** One past the concentrator has ended with its uplink. */
  addDirect(uplinkName: string): void {
    this.#direct.of(uplinkName).count += 1;
  }

  /** What may have ended because of this uplink: those past the concentrator over it, and those of sessions, which need just one of all uplinks. */
  countOf(uplinkName: string): number {
    return this.#direct.of(uplinkName).count + this.#ofSessions;
  }
}
