import type { MonotonicClock } from '../clock.ts';

/** Shares are of the time in about so many milliseconds: short beside what a person notices, long beside a burst of small work. */
const WINDOW_MS = 100;
/**
 * While several clients have work, they may use this share of the time together before one of them must wait that uses more than its
 * equal part: in the rest the others are answered at once. (The wait in a queue grows with the inverse of what is left.)
 */
const BUSY_SHARE = 0.7;
/** A client that has used less in the window has no work: pings, receipts for a little. */
const ACTIVE_MS = 0.2;
/** How often it is counted which clients have work. */
const COUNT_MS = 5;
/** The most that a client uses in one turn of the event loop while others have work, before their events are looked at, */
const SLICE_MS = 1;
/** and while they are idle. They may wake up. */
const IDLE_SLICE_MS = 4;
/** What a read costs before its bytes are handed on, for the system call and TLS: it cannot be measured from here. */
export const READ_COST_MS = 0.02;

/** A session that may have to wait. */
export interface ShareHolder {
  /** Reads nothing, and begins nothing, until `goOn`. */
  wait(): void;
  goOn(): void;
}

/** The place of one session in the line for the processor. */
export interface ShareSeat {
  /** Whether it is to wait for `goOn`. */
  readonly mustWait: boolean;
  /** Whether it may do one turn although it must wait: one session of its client may each time that they go on, or it would never be done. */
  takeTurn(): boolean;
  /** Does the work, and counts its time. @param extraMs what belongs to it and is not measured */
  run<Result>(work: () => Result, extraMs?: number): Result;
  leave(): void;
}

/**
 * Divides the time of a process among its clients. A client alone may use all of it. Beside others, one that has used more than its share
 * waits: its subflows are not read, and its sessions' turns are put off, until its share allows more. The rest is theirs to use: what the
 * others leave is nobody's loss.
 */
export class FairShare {
  readonly #clock: MonotonicClock;
  readonly #clients = new Map<string, Client>();
  /** Clients that had work when they were last counted, have had some since, or have left: there may be thousands that are idle. */
  readonly #stirring = new Set<Client>();
  /** Clients that used something in this turn of the event loop, or wait. */
  readonly #touched = new Set<Client>();
  /** What all have used of late. */
  readonly #total: Usage;
  #activeCount = 0;
  #countedMs = Number.NEGATIVE_INFINITY;
  #round: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #onOver: (clientId: string) => void;

  /** @param onOver a client has used more than its share, and waits */
  constructor(clock: MonotonicClock, onOver: (clientId: string) => void = () => {}) {
    this.#clock = clock;
    this.#onOver = onOver;
    this.#total = new Usage(clock());
  }

  /** A place for a session; all sessions of a client share. */
  enter(clientId: string, holder: ShareHolder): ShareSeat {
    let client = this.#clients.get(clientId);
    if (client === undefined) {
      client = new Client(clientId, this.#clock());
      this.#clients.set(clientId, client);
    }
    client.holders.add(holder);
    return new Seat(this, client, holder);
  }

  /** The session is gone. What its client has used is remembered for as long as it counts. */
  leave(client: Client, holder: ShareHolder): void {
    client.holders.delete(holder);
    if (client.holders.size === 0) this.#stirring.add(client);
  }

  /** Does the client's work; work within work is counted once. */
  run<Result>(client: Client, work: () => Result, extraMs: number): Result {
    if (client.isRunning) return work();
    const startMs = this.#clock();
    client.isRunning = true;
    try {
      return work();
    } finally {
      client.isRunning = false;
      const nowMs = this.#clock();
      this.#charge(client, nowMs - startMs + extraMs, nowMs);
    }
  }

  #charge(client: Client, ms: number, nowMs: number): void {
    client.usage.add(ms, nowMs);
    if (client.usage.ms(nowMs) >= ACTIVE_MS) this.#stirring.add(client);
    this.#total.add(ms, nowMs);
    if (this.#clients.size < 2) return;
    this.#touched.add(client);
    this.#round ??= setImmediate(this.#onRound);
    client.sliceMs += ms;
    const isContended = this.#hasOthers(client, nowMs);
    this.#accrue(client, isContended, nowMs);
    client.creditMs -= ms;
    // Alone it owes nothing, and has saved nothing if it has used all there was.
    if (!isContended) client.creditMs = Math.max(0, client.creditMs);
    const isOver = isContended && client.creditMs <= 0;
    if (client.isWaiting || !(isOver || client.sliceMs >= (isContended ? SLICE_MS : IDLE_SLICE_MS))) return;
    client.wait();
    if (isOver) this.#onOver(client.id);
  }

  /** The event loop has looked at everybody's events. */
  readonly #onRound = (): void => {
    this.#round = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const nowMs = this.#clock();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const client of [...this.#touched]) {
      client.sliceMs = 0;
      const clientWaitMs = client.isWaiting ? this.#waitMs(client, nowMs) : 0;
      if (clientWaitMs > 0) {
        waitMs = Math.min(waitMs, clientWaitMs);
        continue;
      }
      this.#touched.delete(client);
      if (client.isWaiting) client.goOn();
    }
    if (waitMs < Number.POSITIVE_INFINITY) this.#timer = setTimeout(this.#onRound, Math.ceil(waitMs));
  };

  /** How long until the client may go on. */
  #waitMs(client: Client, nowMs: number): number {
    if (!this.#hasOthers(client, nowMs)) return 0;
    const share = this.#accrue(client, true, nowMs);
    return client.creditMs > 0 ? 0 : Math.max(1, -client.creditMs / share);
  }

  /**
   * Credit is what a client may use before it must wait: it grows by its share, and never to more than that of a window.
   * @returns the share
   */
  #accrue(client: Client, isContended: boolean, nowMs: number): number {
    const share = isContended ? this.#shareOf(client, nowMs) : 1;
    const mostMs = share * WINDOW_MS;
    const grownMs = client.creditMs + (nowMs - client.accruedMs) * share;
    // Nor does one that used much at once wait for longer than a window.
    client.creditMs = Math.max(-mostMs, Math.min(mostMs, grownMs));
    client.accruedMs = nowMs;
    return share;
  }

  /** An equal part, or what the others leave. */
  #shareOf({ usage }: Client, nowMs: number): number {
    const othersMs = this.#total.ms(nowMs) - usage.ms(nowMs);
    return Math.max(1 / Math.max(1, this.#activeCount), BUSY_SHARE - othersMs / WINDOW_MS);
  }

  #hasOthers(client: Client, nowMs: number): boolean {
    if (nowMs - this.#countedMs >= COUNT_MS) {
      this.#countedMs = nowMs;
      for (const one of this.#stirring) {
        if (one.usage.ms(nowMs) >= ACTIVE_MS) continue;
        this.#stirring.delete(one);
        // Not before: who comes back at once has used what it has used.
        if (one.holders.size === 0 && this.#clients.get(one.id) === one) this.#clients.delete(one.id);
      }
      this.#activeCount = this.#stirring.size;
    }
    return this.#activeCount > (client.usage.ms(nowMs) >= ACTIVE_MS ? 1 : 0);
  }
}

/** Time used of late: older than the window it counts for little. */
class Usage {
  #ms = 0;
  #atMs: number;

  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  ms(nowMs: number): number {
    this.#ms *= Math.exp((this.#atMs - nowMs) / WINDOW_MS);
    this.#atMs = nowMs;
    return this.#ms;
  }

  add(ms: number, nowMs: number): void {
    this.#ms = this.ms(nowMs) + ms;
  }
}

/** The sessions of one client, and what they have used. */
class Client {
  readonly id: string;
  readonly holders = new Set<ShareHolder>();
  readonly usage: Usage;
  isRunning = false;
  isWaiting = false;
  /** What it has used since the event loop last looked at everybody's events. */
  sliceMs = 0;
  creditMs = WINDOW_MS;
  accruedMs: number;
  #hasTurn = false;

  constructor(id: string, nowMs: number) {
    this.id = id;
    this.usage = new Usage(nowMs);
    this.accruedMs = nowMs;
  }

  takeTurn(): boolean {
    const hasTurn = this.#hasTurn;
    this.#hasTurn = false;
    return hasTurn;
  }

  wait(): void {
    this.isWaiting = true;
    for (const holder of this.holders) holder.wait();
  }

  goOn(): void {
    this.isWaiting = false;
    this.#hasTurn = true;
    for (const holder of [...this.holders]) {
      if (this.isWaiting) return;
      // The others come first the next time.
      this.holders.delete(holder);
      this.holders.add(holder);
      holder.goOn();
    }
  }
}

class Seat implements ShareSeat {
  readonly #share: FairShare;
  readonly #client: Client;
  readonly #holder: ShareHolder;

  constructor(share: FairShare, client: Client, holder: ShareHolder) {
    this.#share = share;
    this.#client = client;
    this.#holder = holder;
  }

  leave(): void {
    this.#share.leave(this.#client, this.#holder);
  }

  get mustWait(): boolean {
    return this.#client.isWaiting;
  }

  takeTurn(): boolean {
    return this.#client.takeTurn();
  }

  run<Result>(work: () => Result, extraMs = 0): Result {
    return this.#share.run(this.#client, work, extraMs);
  }
}

/** Of a session that has the process for itself. */
export const SOLE_SEAT: ShareSeat = {
  mustWait: false,
  takeTurn: () => true,
  run: (work) => work(),
  leave: () => {},
};
