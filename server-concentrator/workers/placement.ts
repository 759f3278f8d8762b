import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { keepRecent } from '../../shared/runtime/keep-recent.ts';
import type { PerClient } from '../../shared/runtime/per-client.ts';
import type { Home } from '../worker/calls.ts';

/**
 * Clients whose sessions have all ended keep their worker for so long, since what they may have in an hour (measurements) is counted
 * there.
 */
const KEPT_MS = 60 * 60 * 1_000;
/** Hosts whose clients are remembered; the least recent is forgotten, and its next connection goes to any worker. */
const MAX_HOSTS = 16_384;
/** Workers whose load differs by less are equally busy: then the one with fewer sessions is chosen. */
const LOAD_STEP = 0.1;
/**
 * Chance weighs so many sessions. Without it a client with two uplinks would send HELLO to the same worker as the one before it, if both
 * connect in the same order.
 */
const CHANCE = 3;
/** What a connection adds to the load until the next answer: a handshake takes one or two milliseconds of a second. */
const LOAD_OF_CONNECTION = 0.002;

interface PlacedClient {
  worker: number;
  sessions: number;
  /** When its last session ended, or it was given a place. */
  sinceMs: number;
}

interface WorkerLoad {
  isUp: boolean;
  /** It is up, and has not answered for long: it gets nothing new. */
  isSilent: boolean;
  load: number;
  sessions: number;
  /** Connections that were sent there since it last answered how busy it is, and are not sessions yet. */
  recent: number;
}

/** Which worker each connection goes to. All sessions of a client are in one worker, which therefore counts what a client may have. */
export class Placement implements PerClient {
  readonly #clock: MonotonicClock;
  readonly #random: () => number;
  readonly #workers: readonly WorkerLoad[];
  /** As many as there are keys. */
  readonly #clients = new Map<string, PlacedClient>();
  /** The client that was last seen at a host; null where there were several. */
  readonly #hosts = new Map<string, string | null>();

  /** @param random uniform in [0, 1) */
  constructor(count: number, clock: MonotonicClock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.#workers = Array.from({ length: count }, () => ({
      ...{ isUp: false, isSilent: false, load: 0, sessions: 0, recent: 0 },
    }));
  }

  /** Whether any takes connections. */
  get isAnyUp(): boolean {
    return this.#workers.some(takesMore);
  }

  /** Sessions of each worker, and how busy it is. */
  get workers(): readonly Readonly<WorkerLoad>[] {
    return this.#workers;
  }

  onUp(worker: number): void {
    this.#workers[worker]!.isUp = true;
  }

  /** It has ended, and with it its sessions. */
  onDown(worker: number): void {
    Object.assign(this.#workers[worker]!, { isUp: false, isSilent: false, load: 0, sessions: 0, recent: 0 });
    for (const [clientId, client] of this.#clients) {
      if (client.worker === worker) this.#clients.delete(clientId);
    }
  }

  /** @param load 0 to 1 */
  onLoad(worker: number, load: number): void {
    Object.assign(this.#workers[worker]!, { isSilent: false, load, recent: 0 });
  }

  /** It has not answered for long. Until it does its clients have another home. */
  onSilent(worker: number): void {
    this.#workers[worker]!.isSilent = true;
  }

  /** The list of clients is another one: those that it does not have need no place. */
  keepClients(isKnown: (clientId: string) => boolean): void {
    for (const clientId of this.#clients.keys()) if (!isKnown(clientId)) this.#clients.delete(clientId);
  }

  onSessions(worker: number, clientId: string, change: 1 | -1): void {
    this.#workers[worker]!.sessions += change;
    const client = this.#clients.get(clientId);
    if (client?.worker !== worker) return;
    client.sessions += change;
    client.sinceMs = this.#clock();
  }

  /** A client has proven its key from a host. @returns whether that is new */
  onProven(clientId: string, host: string): boolean {
    const before = this.#hosts.get(host);
    keepRecent(this.#hosts, host, before === undefined || before === clientId ? clientId : null, MAX_HOSTS);
    return before !== clientId && before !== null;
  }

  /**
   * Where a connection goes: to the worker that its server name tells; else to that of the one client that its host is known for; else
   * to the one with the least to do. Undefined while there is none.
   */
  chooseFor(serverName: string | undefined, host: string): number | undefined {
    const named = workerNamed(serverName);
    if (named !== undefined && this.#isTaking(named)) return named;
    const client = this.#clients.get(this.#hosts.get(host) ?? '');
    if (client !== undefined && this.#isTaking(client.worker)) return client.worker;
    const least = this.#leastLoaded();
    if (least !== undefined) this.#workers[least]!.recent++;
    return least;
  }

  /** Where all sessions of a client are; it asks that has one to begin. */
  homeOf(clientId: string, asking: number): Home {
    const nowMs = this.#clock();
    let client = this.#clients.get(clientId);
    const isOver = client !== undefined && client.sessions <= 0 && nowMs - client.sinceMs > KEPT_MS;
    if (client === undefined || isOver || !this.#isTaking(client.worker)) {
      client = { worker: asking, sessions: 0, sinceMs: nowMs };
      this.#clients.set(clientId, client);
    }
    const { worker } = client;
    const others = this.#workers.reduce((sum, { sessions }, i) => sum + (i === worker ? 0 : sessions), 0);
    return { worker, others };
  }

  #isTaking(worker: number): boolean {
    const state = this.#workers[worker];
    return state !== undefined && takesMore(state);
  }

  #leastLoaded(): number | undefined {
    let best: number | undefined;
    let least: readonly [number, number] = [Number.POSITIVE_INFINITY, 0];
    for (const [i, worker] of this.#workers.entries()) {
      if (!takesMore(worker)) continue;
      const { load, sessions, recent } = worker;
      const step = Math.floor((load + recent * LOAD_OF_CONNECTION) / LOAD_STEP);
      const own = [step, sessions + recent + CHANCE * this.#random()] as const;
      if (own[0] > least[0] || (own[0] === least[0] && own[1] >= least[1])) continue;
      best = i;
      least = own;
    }
    return best;
  }
}

/** The server name of connections for JOIN to sessions of a worker. @param index from 0 */
export function joinNameOf(index: number, base: string): string {
  return `w${index + 1}.${base}`;
}

function takesMore({ isUp, isSilent }: Readonly<WorkerLoad>): boolean {
  return isUp && !isSilent;
}

function workerNamed(serverName: string | undefined): number | undefined {
  const number = /^w([1-9]\d{0,2})\./.exec(serverName ?? '')?.[1];
  return number === undefined ? undefined : Number(number) - 1;
}
