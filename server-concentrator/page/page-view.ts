import type { PathState } from '../../shared/protocol/datagram/path/path-snapshot.ts';
import type { LimitHit } from '../limits/limit-hits.ts';
import type { ClientUplinkState } from '../status/concentrator-status.ts';
import type { NamedRate } from './client-history.ts';
import type { Rate } from './traffic-rates.ts';

/**
 * What the page shows now. Rates are bits per second and times milliseconds since 1970. Directions are those of the clients:
 * down and sent is what goes to them.
 */
export interface PageView {
  /** When the second ended that the rates are of. */
  readonly timeMs: number;
  readonly version: string;
  readonly ready: boolean;
  readonly sum: Rate;
  readonly sessions: number;
  readonly streams: number;
  /** UDP of all clients. */
  readonly flows: number;
  readonly clients: {
    /** In the file of clients. */
    readonly known: number;
    readonly connected: number;
    /** Of those, without any subflow. */
    readonly lingering: number;
    /** Of those, made to wait or refused something by a limit of late. */
    readonly limited: number;
    /** Those that the filter lets through. */
    readonly matching: number;
  };
  /** Why the database of clients cannot be asked: the last known list holds. Null: all is well. */
  readonly listTrouble: string | null;
  readonly memory: { readonly usedBytes: number; readonly limitBytes: number };
  /** Those that carried most of late, for the chart. Each keeps its place while it is among them. */
  readonly top: readonly NamedRate[];
  /** As the page has sorted and filtered them. */
  readonly rows: readonly ClientView[];
}

export interface ClientView extends Rate {
  readonly client: string;
  readonly state: 'established' | 'lingering';
  /** Of its oldest session. */
  readonly sinceMs: number;
  readonly streams: number;
  /** Since its sessions began. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** What the list of clients says of it; null where it says nothing. */
  readonly label: string | null;
  readonly expiresMs: number | null;
  readonly quotaBytes: number | null;
  readonly rateBitsPerSecond: number | null;
  /** What it has carried in this month (UTC), both ways together, at all concentrators. */
  readonly monthBytes: number;
  readonly limits: readonly LimitView[];
  readonly sessions: readonly SessionView[];
}

/** A limit that made the client wait or refused it something of late. */
export interface LimitView extends Omit<LimitHit, 'lastMs'> {
  readonly atMs: number;
}

export interface SessionView {
  /** As in the log; it is no secret. */
  readonly id: string;
  readonly state: ClientView['state'];
  readonly sinceMs: number;
  readonly streams: number;
  /** Applications that send UDP, and their flows. */
  readonly associations: number;
  readonly flows: number;
  readonly uplinks: readonly ClientUplinkView[];
}

export interface ClientUplinkView extends Rate {
  readonly name: string;
  /** `gone`: it has no subflow any more. */
  readonly state: ClientUplinkState | 'gone';
  readonly reason: string;
  readonly subflows: number;
  /** Addresses that they come from. */
  readonly from: readonly string[];
  /** Null until measured. */
  readonly rttMs: number | null;
  readonly minRttMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** How UDP passes; null where none is sent. */
  readonly udp: PathState | null;
  /** What its client wants it to carry down at most. */
  readonly limitBitsPerSecond: number | null;
}
