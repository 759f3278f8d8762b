import type { VirtualClock } from './clock.ts';
import type { End } from './end.ts';
import { Connection, type Uplink } from './network.ts';
import type { Random } from './random.ts';

const FIRST_REDIAL_MS = 500;
const LAST_REDIAL_MS = 8_000;
/** A path that has worked and fell silent is tried again after so long at most. */
const RETURN_WAIT_MS = 1_000;
/** A subflow that was up for so long was good: the next dial follows at once. */
const LASTING_MS = 2_000;
/** Where a SYN is lost, as in a radio's pause, another is sent after so long. */
const SYN_RETRY_MS = 200;
/** A dial that does not come through in this time has failed. */
const DIAL_TIMEOUT_MS = 10_000;

/** The client's dialling of one uplink. */
interface Keeper {
  readonly uplink: Uplink;
  readonly healthy: Set<number>;
  readonly silent: Set<number>;
  /** They may only pause: another is dialled, and takes no place of theirs. */
  readonly pausing: Set<number>;
  /** Since when each of either is up. */
  readonly upSinceMs: Map<number, number>;
  hasWorked: boolean;
  wanted: number;
  /** Beyond that, for a search of paths. */
  extra: number;
  isDialling: boolean;
  isWaiting: boolean;
  redialMs: number;
}

/**
 * Keeps one subflow on each of the client's uplinks, redials with back-off, and dials another in place of one that is
 * silent, as the client's path manager does. Stands in for the handshake as well.
 */
export class PathManager {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #client: End;
  readonly #concentrator: End;
  readonly #keepers: Keeper[] = [];

  constructor(clock: VirtualClock, random: Random, client: End, concentrator: End) {
    this.#clock = clock;
    this.#random = random;
    this.#client = client;
    this.#concentrator = concentrator;
  }

  /** Keeps a subflow on the uplink from `delayMs` on. */
  keep(uplink: Uplink, delayMs: number): void {
    const keeper: Keeper = {
      uplink,
      healthy: new Set(),
      silent: new Set(),
      pausing: new Set(),
      upSinceMs: new Map(),
      hasWorked: false,
      wanted: 1,
      extra: 0,
      isDialling: false,
      isWaiting: false,
      redialMs: FIRST_REDIAL_MS,
    };
    this.#keepers.push(keeper);
    this.#clock.after(delayMs, () => this.#maintain(keeper));
  }

  /** `subflow-replace`: it no longer counts. */
  replace(subflowId: number, isFailed: boolean): void {
    for (const keeper of this.#keepers) {
      const wasPausing = keeper.pausing.delete(subflowId);
      if (!keeper.healthy.delete(subflowId) && !wasPausing) continue;
      (isFailed ? keeper.silent : keeper.pausing).add(subflowId);
      this.#maintain(keeper);
    }
  }

  /** It was doubted, and works again. */
  onRecovered(subflowId: number): void {
    for (const keeper of this.#keepers) {
      const wasPausing = keeper.pausing.delete(subflowId);
      if (!keeper.silent.delete(subflowId) && !wasPausing) continue;
      keeper.healthy.add(subflowId);
      if (keeper.healthy.size <= keeper.wanted + keeper.extra) continue;
      keeper.healthy.delete(subflowId);
      this.#client.input(({ subflows }) => subflows.retire(subflowId));
    }
  }

  /** So many subflows on an uplink from now on. */
  want(uplinkName: string, count: number): void {
    for (const keeper of this.#keepers) {
      if (keeper.uplink.shape.name !== uplinkName) continue;
      keeper.wanted = count;
      this.#trim(keeper);
      this.#maintain(keeper);
    }
  }

  /** `path-search`. */
  search(uplinkName: string, extra: number, surplus: readonly number[]): void {
    for (const keeper of this.#keepers) {
      if (keeper.uplink.shape.name !== uplinkName) continue;
      keeper.extra = extra;
      for (const id of surplus) {
        if (keeper.healthy.delete(id)) this.#client.input(({ subflows }) => subflows.retire(id));
      }
      this.#trim(keeper);
      this.#maintain(keeper);
    }
  }

  #trim({ healthy, wanted, extra }: Keeper): void {
    for (const id of [...healthy].sort((a, b) => b - a)) {
      if (healthy.size <= wanted + extra) return;
      healthy.delete(id);
      this.#client.input(({ subflows }) => subflows.retire(id));
    }
  }

  /** The client's session, or its transport, is done with a subflow. */
  onGone(subflowId: number): void {
    for (const keeper of this.#keepers) {
      keeper.silent.delete(subflowId);
      keeper.pausing.delete(subflowId);
      const wasGood = this.#clock.nowMs - (keeper.upSinceMs.get(subflowId) ?? 0) >= LASTING_MS;
      keeper.upSinceMs.delete(subflowId);
      if (!keeper.healthy.delete(subflowId)) continue;
      if (wasGood && keeper.uplink.isUp) this.#maintain(keeper);
      else this.#retryLater(keeper);
    }
  }

  #maintain(keeper: Keeper): void {
    if (!this.#isWanting(keeper) || keeper.isDialling || keeper.isWaiting) return;
    if (this.#client.session.isClosed) return;
    if (keeper.uplink.isUp) this.#dial(keeper);
    else if (keeper.silent.size + keeper.pausing.size > 0) this.#wait(keeper, SYN_RETRY_MS);
    else this.#retryLater(keeper);
  }

  #isWanting({ healthy, wanted, extra }: Keeper): boolean {
    return healthy.size < wanted + extra;
  }

  #retryLater(keeper: Keeper): void {
    if (keeper.isWaiting || keeper.isDialling) return;
    const waitMs = this.#random.between(0.5, 1) * keeper.redialMs;
    this.#wait(keeper, keeper.hasWorked ? Math.min(waitMs, RETURN_WAIT_MS) : waitMs);
    keeper.redialMs = Math.min(keeper.redialMs * 2, LAST_REDIAL_MS);
  }

  #wait(keeper: Keeper, waitMs: number): void {
    keeper.isWaiting = true;
    this.#clock.after(waitMs, () => {
      keeper.isWaiting = false;
      this.#maintain(keeper);
    });
  }

  /** TCP and TLS take two round trips; HELLO or JOIN arrives after two and a half, its answer after three. */
  #dial(keeper: Keeper): void {
    keeper.isDialling = true;
    const { uplink } = keeper;
    const connection = new Connection(this.#clock, this.#random, uplink);
    const id = this.#client.session.subflows.allocateId();
    const fail = () => {
      if (!keeper.isDialling || connection.isAdmitted) return;
      keeper.isDialling = false;
      connection.close('client', 'abort');
      this.#retryLater(keeper);
    };
    connection.onClosed.client = fail;
    this.#clock.after(DIAL_TIMEOUT_MS, () => {
      if (connection.isOpenAt('client') && !connection.isAdmitted) fail();
    });
    this.#clock.after(2.5 * uplink.roundTripMs, () => {
      if (connection.outward.client.stalledSinceMs !== undefined || !uplink.isUp) return;
      if (!connection.isOpenAt('client')) return;
      if (!this.#isWanting(keeper)) {
        // What was doubted works again: the dial is given up.
        keeper.isDialling = false;
        connection.onClosed.client = () => {};
        connection.close('client', 'abort');
        return;
      }
      if (this.#concentrator.session.isClosed) {
        this.#clock.after(uplink.links.down.shape.delayMs, () => this.#refuse(connection));
        return;
      }
      const answerMs = this.#clock.nowMs + uplink.links.down.shape.delayMs;
      const back = connection.outward.concentrator;
      back.notBeforeMs = answerMs;
      this.#concentrator.addSubflow(id, connection);
      this.#clock.at(answerMs, () => {
        if (connection.isOpenAt('client') && back.stalledSinceMs === undefined) {
          this.#admit(keeper, id, connection);
        }
      });
    });
  }

  /** REFUSED with `sessionUnknown`: the client must start anew. */
  #refuse(connection: Connection): void {
    if (!connection.isOpenAt('client') || connection.inward('client').stalledSinceMs !== undefined) return;
    this.#client.input((session) => session.close('sessionUnknown'));
    this.#client.wake();
  }

  #admit(keeper: Keeper, id: number, connection: Connection): void {
    connection.isAdmitted = true;
    keeper.isDialling = false;
    keeper.redialMs = FIRST_REDIAL_MS;
    const [silent] = keeper.silent;
    if (silent !== undefined) keeper.silent.delete(silent);
    keeper.healthy.add(id);
    keeper.upSinceMs.set(id, this.#clock.nowMs);
    keeper.hasWorked = true;
    this.#client.addSubflow(id, connection);
    const closed = connection.onClosed.client;
    connection.onClosed.client = () => {
      closed();
      this.onGone(id);
    };
    if (silent !== undefined) this.#client.removeSubflow(silent);
    this.#trim(keeper);
    this.#maintain(keeper);
  }
}
