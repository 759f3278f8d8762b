import type { LimitHit } from '../../../server-concentrator/limits/limit-hits.ts';
import type { LookedAtSession } from '../../../server-concentrator/page/client-look.ts';
import type { PageFeedOptions } from '../../../server-concentrator/page/page-feed.ts';
import { MemoryBudget } from '../../../shared/protocol/memory-budget.ts';
import type { SessionSnapshot, SubflowSnapshot } from '../../../shared/protocol/session/snapshot.ts';
import { TrafficTable } from '../../../shared/runtime/session/uplink-traffic.ts';

/** What an uplink of an invented client carries, and how it is. */
export interface InventedUplink {
  readonly name: string;
  /** Bits per second. */
  readonly down: number;
  readonly up: number;
  readonly rttMs: number;
  readonly state?: 'active' | 'doubted' | 'backup' | 'parked';
}

export interface InventedClient {
  readonly client: string;
  readonly ageMs: number;
  readonly streams: number;
  readonly flows?: number;
  /** None: the session lingers. */
  readonly uplinks: readonly InventedUplink[];
  readonly limits?: readonly LimitHit[];
}

/** A concentrator with invented clients, whose traffic goes on for as long as `carry` is called. */
export class InventedConcentrator {
  nowMs = 1_000_000;
  readonly #clients: readonly InventedClient[];
  readonly #sessions: readonly { readonly client: InventedClient; readonly session: LookedAtSession }[];

  constructor(clients: readonly InventedClient[]) {
    this.#clients = clients;
    this.#sessions = clients.map((client, i) => ({ client, session: this.#sessionOf(client, i) }));
  }

  get sessions(): readonly LookedAtSession[] {
    return this.#sessions.map(({ session }) => session);
  }

  /** Time passes. @param share of what they usually carry */
  carry(ms: number, share: (client: string) => number = () => 1): void {
    this.nowMs += ms;
    for (const { client, session } of this.#sessions) {
      const traffic = session.traffic as TrafficTable;
      for (const { name, down, up } of client.uplinks) {
        const uplink = traffic.of(name);
        uplink.sentBytes += Math.round((down * ms * share(client.client)) / 8_000);
        uplink.receivedBytes += Math.round((up * ms * share(client.client)) / 8_000);
      }
    }
  }

  get source(): PageFeedOptions {
    const total = new MemoryBudget(512 * 1024 * 1024);
    total.take(96 * 1024 * 1024);
    return {
      version: '1.2.3',
      clock: () => this.nowMs,
      // The wall clock shows another time.
      wallClock: () => 1_700_000_000_000 + this.nowMs,
      limitHits: { of: (client) => this.#clients.find((one) => one.client === client)?.limits ?? [] },
      memory: { total },
      isReady: () => true,
      entryOf: () => undefined,
      usedBytes: () => 0,
      list: () => ({ known: this.#clients.length + 3, trouble: undefined }),
      flows: () => this.#clients.reduce((sum, { flows = 0 }) => sum + flows, 0),
      sessions: () => this.sessions,
    };
  }

  #sessionOf({ client, ageMs, streams, flows = 0, uplinks }: InventedClient, index: number): LookedAtSession {
    const traffic = new TrafficTable(32);
    for (const { name } of uplinks) traffic.of(name);
    const subflows = uplinks.map((uplink, id) => subflowOf(uplink, id));
    const datagrams = { isOffered: true, associations: Math.min(1, flows), flowCount: flows, paths: [] };
    return {
      clientId: client,
      id: (index + 0x10000).toString(16).padStart(8, 'a'),
      traffic,
      driver: {
        isClosed: false,
        hasSubflow: subflows.length > 0,
        streamCount: streams,
        startedMs: this.nowMs - ageMs,
        snapshot: () => ({ subflows, streamCount: streams, datagrams }) as unknown as SessionSnapshot,
        linkOf: () => ({
          local: { host: '198.51.100.1', port: 443 },
          remote: { host: `203.0.113.${index % 250}`, port: 40_000 },
          sinceMs: 0,
          doubtReason: 'no answer for 420 ms',
        }),
        parkReasonOf: () => 'it would hold up the rest',
      },
    };
  }
}

function subflowOf({ name, down, rttMs, state = 'active' }: InventedUplink, id: number): SubflowSnapshot {
  return {
    ...{ id, uplinkName: name, state: state === 'doubted' ? 'doubted' : 'active' },
    duty: state === 'backup' ? 'backup' : 'regular',
    isParked: state === 'parked',
    ...{ isMeasured: true, smoothedRttMs: rttMs, minRttMs: rttMs * 0.8, bytesPerSecond: down / 8 },
    ...{ inFlightBytes: 0, limitBytesPerSecond: undefined },
  } as Partial<SubflowSnapshot> as SubflowSnapshot;
}
