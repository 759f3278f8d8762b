/** Bits per second, as the client sees the direction: down is what is sent to it. */
export interface Rate {
  readonly down: number;
  readonly up: number;
}

/** What is looked at: a session and what it has carried. */
interface MeasuredSession {
  readonly id: string;
  readonly traffic: LookedAtTraffic;
}

/** What the uplinks of a session have carried, by name. */
export interface LookedAtTraffic {
  entries(): Iterable<readonly [string, { readonly sentBytes: number; readonly receivedBytes: number }]>;
}

/** Nobody looked for a while, or the machine has slept: what was counted since belongs to no second. */
export const MAX_GAP_MS = 5_000;
const NO_RATE: Rate = { down: 0, up: 0 };

/** What an uplink of a session had carried at the last look, and its rate then. */
interface Meter {
  sentBytes: number;
  receivedBytes: number;
  rate: Rate;
}

/** What each uplink of each session carries, from one look to the next. As many as there are sessions, with 32 uplinks each at most. */
export class TrafficRates {
  #meters = new Map<string, Map<string, Meter>>();
  #lastMs: number | undefined;

  /** Looks at all sessions; those that have ended since are forgotten. @param nowMs by a clock that nobody sets */
  look(nowMs: number, sessions: Iterable<MeasuredSession>): void {
    const elapsedMs = nowMs - (this.#lastMs ?? nowMs);
    this.#lastMs = nowMs;
    const perSecond = elapsedMs > 0 && elapsedMs <= MAX_GAP_MS ? 8_000 / elapsedMs : 0;
    const before = this.#meters;
    this.#meters = new Map();
    for (const { id, traffic } of sessions) {
      const meters = before.get(id) ?? new Map<string, Meter>();
      this.#meters.set(id, meters);
      for (const [uplink, { sentBytes, receivedBytes }] of traffic.entries()) {
        const meter = meters.get(uplink);
        // A session that is new has carried all of it since the last look.
        const sent = sentBytes - (meter?.sentBytes ?? 0);
        const received = receivedBytes - (meter?.receivedBytes ?? 0);
        const rate = { down: sent * perSecond, up: received * perSecond };
        if (meter === undefined) meters.set(uplink, { sentBytes, receivedBytes, rate });
        else {
          meter.sentBytes = sentBytes;
          meter.receivedBytes = receivedBytes;
          meter.rate = rate;
        }
      }
    }
  }

  /** All uplinks of a session. */
  ofSession(sessionId: string): Iterable<Readonly<Meter>> {
    return this.#meters.get(sessionId)?.values() ?? [];
  }

  /** What an uplink of a session carried. */
  of(sessionId: string, uplink: string): Rate {
    return this.#meters.get(sessionId)?.get(uplink)?.rate ?? NO_RATE;
  }
}
