import type { SubflowFigures } from '../../shared/protocol/session/snapshot.ts';
import {
  reportSubflows,
  type StatusClocks,
  type SubflowsReport,
  timeText,
} from '../../shared/runtime/observe/subflow-report.ts';
import { reportUdp, type UdpReport } from '../../shared/runtime/observe/udp-report.ts';
import { subflowUse } from '../../shared/runtime/observe/uplink-figures.ts';
import type { SubflowLink } from '../../shared/runtime/session/attached-subflows.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { ClientSource } from '../clients/client-source.ts';
import type { ConcentratorLimits, DatagramConfig } from '../config/concentrator-config.ts';
import { dialPlaces, namePlaces, originDescriptors } from '../limits/descriptor-shares.ts';
import type { PublishedPortReport } from '../publish/published-ports.ts';
import { byUplinkName } from './uplink-order.ts';

/** What /status tells at the concentrator; docs/observability.md explains each field. Times are those of RFC 3339. */
export interface ConcentratorStatus {
  readonly program: 'tributary-concentrator';
  readonly version: string;
  readonly time: string;
  readonly ready: boolean;
  readonly clients: ClientListReport;
  readonly limits: LimitsReport;
  /** Absent where the concentrator is one process. */
  readonly workers?: readonly WorkerReport[];
  readonly sessions: readonly SessionReport[];
  readonly published: readonly PublishedPortReport[];
}

/** One of several processes. */
export interface WorkerReport {
  /** From 1; as in the log. */
  readonly worker: number;
  /** Null while there is none. */
  readonly pid: number | null;
  /** `silent`: it has not answered for seconds, and gets nothing new. */
  readonly state: 'up' | 'silent' | 'starting';
  readonly sessions: number;
  /** How busy it was in the last second, 0 to 1. */
  readonly load: number;
  /** How often one has ended in its place. */
  readonly restarts: number;
}

/** The list of clients. */
export interface ClientListReport {
  readonly known: number;
  /** Why its database cannot be asked, and since when; the last known list holds then. Null: all is well. */
  readonly trouble: { readonly since: string; readonly reason: string } | null;
}

/**
 * The limits that hold now, under the keys of the configuration with their units; of connection attempts and names at a time what
 * the process's descriptors leave of them.
 */
export interface LimitsReport extends ConcentratorLimits {
  /** Connections to origins that the process may have, for its descriptors. One client may have three times what is free. */
  readonly origins: number;
  /** UDP of clients' applications; null where it is not carried. */
  readonly datagrams: Pick<DatagramConfig, DatagramLimit> | null;
}

type DatagramLimit = 'flowsPerClient' | 'associationsPerClient' | 'associations' | 'idleTimeoutMs';

export interface SessionReport {
  readonly client: string;
  /** As in the log; it is no secret. */
  readonly session: string;
  /** Which process has it, where there are several. */
  readonly worker?: number;
  readonly state: 'established' | 'lingering';
  readonly since: string;
  readonly streams: number;
  /** UDP: applications and their flows; whether the client takes part in it. */
  readonly datagrams: { readonly carried: boolean; readonly associations: number; readonly flows: number };
  readonly uplinks: readonly ClientUplinkReport[];
}

/** An uplink of a client, as far as it shows here: by its subflows. */
export interface ClientUplinkReport extends SubflowsReport {
  readonly name: string;
  readonly state: ClientUplinkState;
  readonly reason: string;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** How UDP packets pass; null where none are sent. */
  readonly udp: UdpReport | null;
  readonly rateLimit: { readonly downBitsPerSecond: number } | null;
}

export type ClientUplinkState = 'in-use' | 'backup' | 'doubted' | 'parked' | 'retiring';

export interface ConcentratorStatusSource extends StatusClocks {
  readonly published: readonly PublishedPortReport[];
  readonly version: string;
  readonly isReady: boolean;
  readonly list: { readonly known: number; readonly trouble: ClientSource['trouble'] };
  readonly limits: ConcentratorLimits;
  readonly datagrams: DatagramConfig;
  /** How many the process may have. */
  readonly descriptors: number;
  /** Those that have ended are left out. */
  readonly sessions: Iterable<ReportedSession>;
}

interface ReportedSession {
  readonly clientId: string;
  readonly id: string;
  readonly driver: SessionDriver;
}

export function concentratorStatus(source: ConcentratorStatusSource): ConcentratorStatus {
  return {
    program: 'tributary-concentrator',
    version: source.version,
    time: new Date(source.wallClock()).toISOString(),
    ready: source.isReady,
    clients: listReport(source.list),
    limits: limitsReport(source),
    sessions: [...source.sessions]
      .filter(({ driver }) => !driver.snapshot().isClosed)
      .map((session) => sessionReport(session, source)),
    published: source.published,
  };
}

/** What /status tells of the list. */
export function listReport({ known, trouble }: ConcentratorStatusSource['list']): ClientListReport {
  if (trouble === undefined) return { known, trouble: null };
  const { sinceMs, reason } = trouble;
  return { known, trouble: { since: new Date(sinceMs).toISOString(), reason } };
}

function sessionReport({ clientId, id, driver }: ReportedSession, clocks: StatusClocks): SessionReport {
  const { subflows, streamCount, datagrams } = driver.snapshot();
  const { isOffered: carried, associations, flowCount: flows } = datagrams;
  return {
    client: clientId,
    session: id,
    state: subflows.length > 0 ? 'established' : 'lingering',
    since: timeText(driver.startedMs, clocks),
    streams: streamCount,
    datagrams: { carried, associations, flows },
    uplinks: [...new Set(subflows.map(({ uplinkName }) => uplinkName))]
      .sort(byUplinkName)
      .map((name) => uplinkReport(name, driver, clocks)),
  };
}

function limitsReport({ limits, datagrams, descriptors }: ConcentratorStatusSource): LimitsReport {
  const { enabled, flowsPerClient, associationsPerClient, associations, idleTimeoutMs } = datagrams;
  const origins = originDescriptors(descriptors);
  return {
    ...limits,
    dialsPerClient: dialPlaces(origins, limits.dialsPerClient).perOwner,
    namesPerClient: namePlaces(descriptors, limits.namesPerClient).perOwner,
    origins,
    datagrams: enabled ? { flowsPerClient, associationsPerClient, associations, idleTimeoutMs } : null,
  };
}

function uplinkReport(name: string, driver: SessionDriver, clocks: StatusClocks): ClientUplinkReport {
  const own = driver.snapshot().subflows.filter(({ uplinkName }) => uplinkName === name);
  const limit = own.find(({ limitBytesPerSecond }) => limitBytesPerSecond !== undefined)?.limitBytesPerSecond;
  return {
    name,
    ...clientUplinkState(name, own, driver),
    sentBytes: own.reduce((sum, subflow) => sum + subflow.sentBytes, 0),
    receivedBytes: own.reduce((sum, subflow) => sum + subflow.receivedBytes, 0),
    ...reportSubflows([driver], name, clocks),
    udp: reportUdp([driver], name),
    rateLimit: limit === undefined ? null : { downBitsPerSecond: limit * 8 },
  };
}

/** The best that one of its subflows can be used for. @param own its subflows, one at least */
export function clientUplinkState(
  name: string,
  own: readonly SubflowFigures[],
  driver: Pick<SessionDriver, 'parkReasonOf'> & {
    linkOf(subflowId: number): Pick<SubflowLink, 'doubtReason'> | undefined;
  },
): { readonly state: ClientUplinkState; readonly reason: string } {
  const usable = own.filter(({ state }) => state === 'active');
  if (usable.length === 0) {
    return { state: 'doubted', reason: `doubted: ${driver.linkOf(own[0]!.id)?.doubtReason}` };
  }
  const kept = usable.filter(({ duty }) => duty !== 'retiring');
  if (kept.length === 0) return { state: 'retiring', reason: 'closes once all has arrived' };
  if (kept.every(({ duty }) => duty === 'backup'))
    return { state: 'backup', reason: 'backup, as its client says' };
  if (kept.every((subflow) => subflowUse(subflow) === 'parked')) {
    return { state: 'parked', reason: `parked: ${driver.parkReasonOf(name)}` };
  }
  return { state: 'in-use', reason: 'in use' };
}
