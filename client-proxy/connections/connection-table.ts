import { formatDestination } from '../../shared/protocol/destination.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import { describePolicy, describeRule } from '../steering/steering-rule.ts';
import type { OpenConnection } from './open-connection.ts';

/** By what a list of connections is ordered, the most first; names from a to z. */
export const CONNECTION_ORDERS = ['rate', 'bytes', 'age', 'destination', 'user'] as const;
export type ConnectionOrder = (typeof CONNECTION_ORDERS)[number];

export interface ConnectionQuery {
  readonly order: ConnectionOrder;
  readonly isReversed: boolean;
  /** All these words must be somewhere in what a row tells. */
  readonly filter: string;
  /** Rows; no more than MAX_ROWS are told. */
  readonly limit: number;
}

/** What an uplink carries of a connection. */
export interface ConnectionShare {
  readonly uplink: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Bits per second; 0 until two looks have been taken. */
  readonly up: number;
  readonly down: number;
}

/** A connection as the page lists it. Rates are bits per second. */
export interface ConnectionRow {
  /** For as long as it is open. */
  readonly id: number;
  readonly protocol: OpenConnection['protocol'];
  /** `host:port` */
  readonly destination: string;
  readonly host: string;
  /** What an application called an address. */
  readonly name: string | null;
  readonly user: string | null;
  /** Address of the application. */
  readonly from: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** The mode, or why it goes past the concentrator. */
  readonly way: string;
  readonly isDirect: boolean;
  /** Which of several concentrators carries it; null: there is a single one, it waits for one, or goes past them. */
  readonly concentrator: string | null;
  /** What has chosen the way; null: the default. */
  readonly rule: string | null;
  readonly uplinks: readonly ConnectionShare[];
}

export interface ConnectionReport {
  /** How many are open, and how many of them the filter lets through. */
  readonly open: number;
  readonly matching: number;
  readonly rows: readonly ConnectionRow[];
}

/** More rows than a person reads, and a browser draws anew each second. */
export const MAX_ROWS = 500;
/** Rates are those of the time between two looks; looks are no closer together, however many pages look. */
const LEAST_LOOK_MS = 900;
/** After so long without a look the last one says nothing of now. */
const MOST_LOOK_MS = 5_000;

/** What was known of a connection at the last looks. */
interface Known {
  readonly id: number;
  readonly text: string;
  readonly shares: readonly ConnectionShare[];
  /** Of all uplinks, both directions. */
  readonly rate: number;
  readonly bytes: number;
}

/** Tells which connections are open, and what they carry, to whoever looks. While nobody does it costs nothing. */
export class ConnectionTable {
  readonly #list: () => readonly OpenConnection[];
  readonly #clock: MonotonicClock;
  /** What is closed is forgotten with its object. */
  readonly #known = new WeakMap<object, Known>();
  #nextId = 1;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(list: () => readonly OpenConnection[], clock: MonotonicClock) {
    this.#list = list;
    this.#clock = clock;
  }

  report({ order, isReversed, filter, limit }: ConnectionQuery): ConnectionReport {
    const all = this.#look();
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = words.length === 0 ? all : all.filter((one) => isMatch(one, words));
    const sign = isReversed ? -1 : 1;
    const ordered = matching.sort((one, other) => sign * COMPARE[order](one, other));
    const rows = ordered.slice(0, Math.min(limit, MAX_ROWS)).map(rowOf);
    return { open: all.length, matching: matching.length, rows };
  }

  /** Closes one. @returns whether it was open */
  close(id: number): boolean {
    const found = this.#list().find(({ key }) => this.#known.get(key)?.id === id);
    found?.close();
    return found !== undefined;
  }

  #look(): Seen[] {
    const nowMs = this.#clock();
    const elapsedMs = nowMs - this.#lookedMs;
    const isDue = elapsedMs >= LEAST_LOOK_MS;
    if (isDue) this.#lookedMs = nowMs;
    return this.#list().map((connection) => {
      const before = this.#known.get(connection.key);
      if (before !== undefined && !isDue) return { connection, ...before };
      // One that is new has carried all that it has carried since the last look.
      const lastMs = elapsedMs <= MOST_LOOK_MS ? elapsedMs : undefined;
      const shares = sharesOf(connection, before?.shares ?? [], lastMs);
      const { id = this.#nextId++, text = textOf(connection) } = before ?? {};
      const known = { id, text, shares, ...sumsOf(shares) };
      this.#known.set(connection.key, known);
      return { connection, ...known };
    });
  }
}

interface Seen extends Known {
  readonly connection: OpenConnection;
}

/** @param elapsedMs since `before`; undefined where that says nothing */
function sharesOf(
  { carried }: OpenConnection,
  before: readonly ConnectionShare[],
  elapsedMs: number | undefined,
): readonly ConnectionShare[] {
  return carried.map(({ uplinkName: uplink, sentBytes, receivedBytes }) => {
    const last = before.find((one) => one.uplink === uplink);
    const rate = (bytes: number, lastBytes = 0) =>
      elapsedMs === undefined ? 0 : Math.round((Math.max(0, bytes - lastBytes) * 8_000) / elapsedMs);
    const up = rate(sentBytes, last?.sentBytes);
    return { uplink, sentBytes, receivedBytes, up, down: rate(receivedBytes, last?.receivedBytes) };
  });
}

function sumsOf(shares: readonly ConnectionShare[]): Pick<Known, 'rate' | 'bytes'> {
  const sums = { rate: 0, bytes: 0 };
  for (const { up, down, sentBytes, receivedBytes } of shares) {
    sums.rate += up + down;
    sums.bytes += sentBytes + receivedBytes;
  }
  return sums;
}

const byText = (one = '', other = '') => (one < other ? -1 : one > other ? 1 : 0);
const byId = (one: Seen, other: Seen) => one.id - other.id;

/** Those that are equal keep their places. */
const COMPARE: Readonly<Record<ConnectionOrder, (one: Seen, other: Seen) => number>> = {
  rate: (one, other) => other.rate - one.rate || other.bytes - one.bytes || byId(one, other),
  bytes: (one, other) => other.bytes - one.bytes || byId(one, other),
  age: (one, other) => one.connection.sinceMs - other.connection.sinceMs || byId(one, other),
  destination: (one, other) => byText(hostText(one), hostText(other)) || byId(one, other),
  user: (one, other) => byText(userText(one), userText(other)) || byId(one, other),
};

const hostText = ({ connection: { destination, name } }: Seen) => name ?? destination.host;
const userText = ({ connection: { user, from } }: Seen) => user ?? from;

function isMatch({ connection, shares, text }: Seen, words: readonly string[]): boolean {
  const isThere = (word: string) =>
    text.includes(word) ||
    wayText(connection).toLowerCase().includes(word) ||
    connection.concentrator?.toLowerCase().includes(word) === true ||
    shares.some(({ uplink }) => uplink.toLowerCase().includes(word));
  return words.every(isThere);
}

/** What filters look in, of what does not change. */
function textOf({ protocol, destination, name = '', user = '', from }: OpenConnection): string {
  return `${protocol} ${formatDestination(destination)} ${name} ${user} ${from}`.toLowerCase();
}

function rowOf({ id, connection, shares }: Seen): ConnectionRow {
  const { protocol, destination, name = null, user = null, from, sinceMs, way, rule } = connection;
  return {
    ...{ id, protocol, name, user, from, sinceMs: Math.round(sinceMs), uplinks: shares },
    destination: formatDestination(destination),
    host: destination.host,
    way: wayText(connection),
    isDirect: way.kind === 'direct',
    concentrator: connection.concentrator ?? null,
    rule: rule === undefined ? null : describeRule(rule),
  };
}

const DIRECT_WORDS = {
  rule: 'direct',
  fallback: 'direct: no concentrator',
  waited: 'direct: waited too long',
  mode: 'direct',
} as const;

function wayText({ way }: OpenConnection): string {
  return way.kind === 'steer' ? describePolicy(way.policy) : DIRECT_WORDS[way.reason];
}
