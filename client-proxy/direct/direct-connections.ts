import { PassingSet } from '../../shared/protocol/passing-set.ts';
import type { UplinkFollower } from '../network/uplink-follower.ts';
import type { UplinkLoss } from '../network/uplink-trouble.ts';
import type { Uplink } from '../uplink/uplink.ts';
import { isStillBound } from './still-bound.ts';

/** A connection, or a socket for datagrams. */
export interface DirectSocket {
  readonly localAddress: string;
  destroy(how: 'reset'): void;
}

/**
 * The open direct connections by uplink: at most one for each connection of an application, those that plain HTTP keeps, and sockets
 * for datagrams. They
 * cannot move: they are reset with what they stand on, or their applications would wait for the kernel to give up, for a quarter of
 * an hour.
 */
export class DirectConnections implements UplinkFollower<Uplink> {
  readonly #open = new Map<string, PassingSet<DirectSocket>>();
  readonly #onReset: (uplinkName: string) => void;
  #uplinks: readonly Uplink[] = [];

  /** @param onReset called for each that ends with its uplink */
  constructor(onReset: (uplinkName: string) => void = () => {}) {
    this.#onReset = onReset;
  }

  /** @returns to be called when it is gone */
  add(uplinkName: string, origin: DirectSocket): () => void {
    const own = this.#open.get(uplinkName) ?? new PassingSet();
    own.add(origin);
    this.#open.set(uplinkName, own);
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
    this.#reset(uplinkName, () => true);
  }

  /** The uplinks from now on: resets those of uplinks that are gone, or that are bound otherwise. */
  setUplinks(uplinks: readonly Uplink[]): void {
    for (const uplink of this.#uplinks) if (!isStillBound(uplink, uplinks)) this.end(uplink.name);
    this.#uplinks = uplinks;
  }

  /** Resets those that cannot go on; an interface that is merely down may be back before the kernel gives up. */
  loseUplink({ uplinkName, addresses, kind }: UplinkLoss): void {
    if (kind === 'interrupted') return;
    this.#reset(uplinkName, ({ localAddress }) => addresses?.has(localAddress) ?? true);
  }

  #reset(uplinkName: string, isMeant: (origin: DirectSocket) => boolean): void {
    for (const origin of [...(this.#open.get(uplinkName) ?? [])]) {
      if (!isMeant(origin)) continue;
      origin.destroy('reset');
      this.#onReset(uplinkName);
    }
  }
}
