import { formatPortRange, type PortRange } from '../../shared/runtime/config/ranges.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';

/** Which client may publish which ports, as the list of clients says. */
export class PortGrants {
  readonly #grants: ReadonlyMap<string, readonly PortRange[]>;

  constructor(clients: readonly ClientEntry[]) {
    this.#grants = new Map(clients.map(({ id, publish = [] }) => [id, publish]));
  }

  /** The ports that the client may have. */
  of(clientId: string): readonly PortRange[] {
    return this.#grants.get(clientId) ?? [];
  }

  /** Why the client may not have the port; undefined when it may. */
  refusal(clientId: string, port: number): string | undefined {
    const ranges = this.of(clientId);
    if (ranges.some(({ from, to }) => port >= from && port <= to)) return undefined;
    const allowed = ranges.length === 0 ? 'none' : ranges.map(formatPortRange).join(', ');
    return `port ${port} is not allowed for this client: "publish" in the concentrator's list of clients has ${allowed}`;
  }
}
