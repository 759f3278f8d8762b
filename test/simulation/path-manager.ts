import type { VirtualClock } from './clock.ts';
import type { End } from './end.ts';
import { Connection, type Uplink } from './network.ts';
import type { Random } from './random.ts';

const FIRST_REDIAL_MS = 500;
const LAST_REDIAL_MS = 8_000;
/** A dial that does not come through in this time has failed. */
const DIAL_TIMEOUT_MS = 10_000;

/** Dials, redials and replaces subflows on the client's uplinks; stands in for the handshake as well. */
export class PathManager {
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #client: End;
  readonly #concentrator: End;
  readonly #uplinkOf = new Map<number, Uplink>();
  readonly #replacing = new Set<Uplink>();

  constructor(clock: VirtualClock, random: Random, client: End, concentrator: End) {
    this.#clock = clock;
    this.#random = random;
    this.#client = client;
    this.#concentrator = concentrator;
  }

  /** Keeps one subflow on the uplink from `delayMs` on. */
  keep(uplink: Uplink, delayMs: number): void {
    this.#dialLater(uplink, delayMs, FIRST_REDIAL_MS);
  }

  /** `subflow-replace`: another one beside it. */
  replace(subflowId: number): void {
    const uplink = this.#uplinkOf.get(subflowId);
    if (uplink === undefined || this.#replacing.has(uplink)) return;
    this.#replacing.add(uplink);
    this.#dialLater(uplink, 0, FIRST_REDIAL_MS);
  }

  /** The client's session, or its transport, is done with a subflow. */
  onGone(subflowId: number): void {
    const uplink = this.#uplinkOf.get(subflowId);
    this.#uplinkOf.delete(subflowId);
    if (uplink === undefined || [...this.#uplinkOf.values()].includes(uplink)) return;
    this.#dialLater(uplink, FIRST_REDIAL_MS, FIRST_REDIAL_MS);
  }

  #dialLater(uplink: Uplink, delayMs: number, nextDelayMs: number): void {
    this.#clock.after(this.#random.between(0.5, 1) * delayMs, () => {
      if (this.#client.session.isClosed) return;
      if (uplink.isUp) this.#dial(uplink, nextDelayMs);
      else this.#dialLater(uplink, nextDelayMs, Math.min(nextDelayMs * 2, LAST_REDIAL_MS));
    });
  }

  /** TCP and TLS take two round trips; HELLO or JOIN arrives after two and a half, its answer after three. */
  #dial(uplink: Uplink, nextDelayMs: number): void {
    const connection = new Connection(this.#clock, this.#random, uplink);
    const id = this.#client.session.allocateSubflowId();
    const { roundTripMs } = uplink;
    let isSettled = false;
    const fail = () => {
      if (isSettled) return;
      isSettled = true;
      connection.close('client', 'abort');
      this.#dialLater(uplink, nextDelayMs, Math.min(nextDelayMs * 2, LAST_REDIAL_MS));
    };
    connection.onClosed.client = fail;
    this.#clock.after(DIAL_TIMEOUT_MS, fail);
    const passes = () => connection.outward.client.stalledSinceMs === undefined && uplink.isUp;
    const back = connection.outward.concentrator;
    this.#clock.after(2.5 * roundTripMs, () => {
      if (!passes() || this.#concentrator.session.isClosed) return;
      const answerMs = this.#clock.nowMs + uplink.links.down.shape.delayMs;
      back.notBeforeMs = answerMs;
      this.#concentrator.addSubflow(id, connection);
      this.#clock.at(answerMs, () => {
        if (isSettled || back.stalledSinceMs !== undefined) return;
        isSettled = true;
        this.#replacing.delete(uplink);
        this.#uplinkOf.set(id, uplink);
        this.#client.addSubflow(id, connection);
        const closed = connection.onClosed.client;
        connection.onClosed.client = () => {
          closed();
          this.onGone(id);
        };
      });
    });
  }
}
