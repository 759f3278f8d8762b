import type { AppSocket } from '../../shared/runtime/net/app-socket.ts';

/** The open direct connections by uplink; as many as there are SOCKS5 connections at most. */
export class DirectConnections {
  readonly #open = new Map<string, Set<AppSocket>>();

  /** @returns to be called when it is gone */
  add(uplinkName: string, origin: AppSocket): () => void {
    const own = this.#open.get(uplinkName) ?? new Set();
    this.#open.set(uplinkName, own.add(origin));
    return () => {
      own.delete(origin);
      if (own.size === 0 && this.#open.get(uplinkName) === own) this.#open.delete(uplinkName);
    };
  }

  countOf(uplinkName: string): number {
    return this.#open.get(uplinkName)?.size ?? 0;
  }

  /** Resets all of an uplink, which may carry nothing any more. */
  end(uplinkName: string): void {
    for (const origin of [...(this.#open.get(uplinkName) ?? [])]) origin.destroy('reset');
  }
}
