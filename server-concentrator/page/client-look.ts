import type { DatagramSnapshot, PathEndSnapshot } from '../../shared/protocol/datagram/datagram-snapshot.ts';
import type { SubflowFigures } from '../../shared/protocol/session/snapshot.ts';
import type { SubflowLink } from '../../shared/runtime/session/attached-subflows.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { NamedRate } from './client-history.ts';
import type { PageQuery, SortKey } from './page-query.ts';
import { type LookedAtTraffic, MAX_GAP_MS, type Rate, TrafficRates } from './traffic-rates.ts';

/** A session as the registry has it. */
export interface LookedAtSession {
  readonly clientId: string;
  readonly id: string;
  readonly driver: Pick<
    SessionDriver,
    'isClosed' | 'hasSubflow' | 'streamCount' | 'startedMs' | 'parkReasonOf'
  > & {
    snapshot(): LookedAtSnapshot;
    linkOf(subflowId: number): Pick<SubflowLink, 'remote' | 'doubtReason'> | undefined;
  };
  readonly traffic: LookedAtTraffic;
}

/** The part of a session's snapshot that is shown. */
export interface LookedAtSnapshot {
  readonly subflows: readonly SubflowFigures[];
  readonly datagrams: Pick<DatagramSnapshot, 'associations' | 'flowCount'> & {
    readonly paths: readonly Pick<PathEndSnapshot, 'uplink' | 'state'>[];
  };
}

/** What all sessions of one client do together. */
export interface LookedAtClient extends NamedRate {
  readonly sessions: LookedAtSession[];
  isLingering: boolean;
  /** When its oldest session began, by the sessions' clock. */
  startedMs: number;
  streams: number;
  down: number;
  up: number;
  sentBytes: number;
  receivedBytes: number;
  uplinks: number;
}

/** Clients that the chart shows by themselves. */
const MAX_TOP = 10;
/** Who carries most is decided over a minute, about: a chart whose colours change each second tells nothing. */
const KEPT_EACH_LOOK = 0.985;
const NOTHING: ReadonlyMap<string, number> = new Map();

/** Looks at all sessions once a second, and only for what costs little: what is shown is asked for more. */
export class ClientLook {
  readonly #rates = new TrafficRates();
  #clients = new Map<string, LookedAtClient>();
  /** What each client carried of late, older seconds counting less. */
  #recent = new Map<string, number>();
  #top: readonly string[] = [];
  #lookedMs = 0;

  /** @param nowMs by a clock that nobody sets */
  look(nowMs: number, all: readonly LookedAtSession[]): void {
    const sessions = all.filter(({ driver }) => !driver.isClosed);
    this.#rates.look(nowMs, sessions);
    this.#clients = new Map();
    for (const session of sessions) this.#add(session);
    // Whoever was busy when somebody looked before need not be so now.
    const before = nowMs - this.#lookedMs > MAX_GAP_MS ? NOTHING : this.#recent;
    this.#lookedMs = nowMs;
    this.#recent = new Map();
    for (const { name, down, up } of this.#clients.values()) {
      this.#recent.set(name, (before.get(name) ?? 0) * KEPT_EACH_LOOK + down + up);
    }
    this.#chooseTop();
  }

  get all(): readonly LookedAtClient[] {
    return [...this.#clients.values()];
  }

  get sum(): Rate {
    let down = 0;
    let up = 0;
    for (const client of this.#clients.values()) {
      down += client.down;
      up += client.up;
    }
    return { down: Math.round(down), up: Math.round(up) };
  }

  /** Those that carried most of late. Each keeps its place, and so its colour, for as long as it is among them. */
  get top(): readonly NamedRate[] {
    return this.#top.map((name) => {
      const { down, up } = this.#clients.get(name)!;
      return { name, down: Math.round(down), up: Math.round(up) };
    });
  }

  rateOf(sessionId: string, uplink: string): Rate {
    return this.#rates.of(sessionId, uplink);
  }

  #chooseTop(): void {
    const busy = [...this.#recent].filter(([, recent]) => recent > 0);
    const first = busy.sort(([, one], [, other]) => other - one).slice(0, MAX_TOP);
    const wanted = new Set(first.map(([name]) => name));
    const newcomers = [...wanted].filter((name) => !this.#top.includes(name));
    const kept = this.#top.map((name) => (wanted.has(name) ? name : newcomers.shift()));
    this.#top = [...kept, ...newcomers].filter((name) => name !== undefined);
  }

  #add(session: LookedAtSession): void {
    const { clientId, id, driver } = session;
    let client = this.#clients.get(clientId);
    if (client === undefined) {
      client = emptyClient(clientId);
      this.#clients.set(clientId, client);
    }
    client.sessions.push(session);
    client.isLingering &&= !driver.hasSubflow;
    client.startedMs = Math.min(client.startedMs, driver.startedMs);
    client.streams += driver.streamCount;
    for (const { sentBytes, receivedBytes, rate } of this.#rates.ofSession(id)) {
      client.down += rate.down;
      client.up += rate.up;
      client.sentBytes += sentBytes;
      client.receivedBytes += receivedBytes;
      client.uplinks += 1;
    }
  }
}

/** One literal: what is made of several objects costs five times as much. */
function emptyClient(name: string): LookedAtClient {
  return {
    name,
    sessions: [],
    isLingering: true,
    startedMs: Number.MAX_VALUE,
    streams: 0,
    down: 0,
    up: 0,
    sentBytes: 0,
    receivedBytes: 0,
    uplinks: 0,
  };
}

const VALUES: Readonly<Record<Exclude<SortKey, 'client'>, (client: LookedAtClient) => number>> = {
  down: ({ down }) => down,
  up: ({ up }) => up,
  used: ({ sentBytes, receivedBytes }) => sentBytes + receivedBytes,
  streams: ({ streams }) => streams,
  uplinks: ({ uplinks }) => uplinks,
  // The oldest has the most.
  since: ({ startedMs }) => -startedMs,
};

/** The clients in the order that a page wants; those of the same value by name. */
export function sorted(
  clients: readonly LookedAtClient[],
  { sort, isDescending }: Pick<PageQuery, 'sort' | 'isDescending'>,
): readonly LookedAtClient[] {
  const sign = isDescending ? -1 : 1;
  const byName = (one: LookedAtClient, other: LookedAtClient) =>
    one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
  if (sort === 'client') return [...clients].sort((one, other) => sign * byName(one, other));
  const value = VALUES[sort];
  return [...clients].sort((one, other) => sign * (value(one) - value(other)) || byName(one, other));
}
