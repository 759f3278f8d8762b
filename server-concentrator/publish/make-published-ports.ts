import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { acceptAppSockets } from '../../shared/runtime/app/app-socket-listener.ts';
import { BlockPool } from '../../shared/runtime/app/block-pool.ts';
import type { PeerWatch } from '../../shared/runtime/app/peer-watch.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import type { ProcessWatch } from '../../shared/runtime/observe/process-watch.ts';
import type { ResultCounts } from '../../shared/runtime/observe/result-counts.ts';
import type { ConcentratorConfig } from '../config/concentrator-config.ts';
import type { OriginDialer } from '../egress/origin-dialer.ts';
import type { ClientLogs } from '../limits/client-logs.ts';
import type { LimitHits, LimitName } from '../limits/limit-hits.ts';
import { listenForVisitors } from './listen-for-visitors.ts';
import { PortGrants } from './port-grants.ts';
import { PublishedPorts } from './published-ports.ts';
import { reachedAt, reachedByAll } from './reached-at.ts';
import { SinglePorts, type SinglePortsOptions } from './single-ports.ts';
import { VisitorGate, visitorRanges } from './visitor-gate.ts';

export interface PublishedPortsParts {
  /** Knows where clients may connect: single connections come from there. */
  readonly dialer: Pick<OriginDialer<AppSocket>, 'addressesOf'>;
  readonly listenPorts: readonly number[];
  readonly watch: ProcessWatch;
  /** Looks after visitors. */
  readonly peers: PeerWatch;
  /** What the buffers that visitors are read into may take. */
  readonly poolBytes: number;
  readonly native: NativeSockets | undefined;
  readonly limitHits: LimitHits;
  readonly logs: ClientLogs;
  readonly visitors: ResultCounts;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
}

/** Makes the ports that clients publish, and the gate before them. */
export function makePublishedPorts(
  { limits, clients, visitors: ranges, public: configured }: ConcentratorConfig,
  { dialer, watch, peers, poolBytes, native, limitHits, logs, clock, ...parts }: PublishedPortsParts,
): { readonly published: PublishedPorts; readonly gate: VisitorGate } {
  const onLimit = (limit: LimitName, clientId: string) => limitHits.note(limit, clientId);
  const hasDescriptor = () => watch.hasDescriptor('stream');
  const gate = new VisitorGate({ limits, clock, hasDescriptor, onLimit }, visitorRanges(ranges));
  const pool = new BlockPool(clock, poolBytes);
  const onError = (error: Error) => watch.onAcceptFailed(error);
  const singleOptions: SinglePortsOptions = {
    bindsPerClient: limits.bindsPerClient,
    addressesOf: (destination, signal, clientId) => dialer.addressesOf(destination, signal, clientId),
    reachedAt: (addresses) => reachedAt(addresses, configured),
    reachedByAll: (family) => reachedByAll(family, configured),
    listen: ({ family, port }, onSocket) =>
      acceptAppSockets({
        host: family === 4 ? '0.0.0.0' : '::',
        port,
        pool,
        native,
        peers,
        onSocket,
        onError,
      }),
    gate,
    hasDescriptor,
    onLimit,
    visitors: parts.visitors,
  };
  const singles = new SinglePorts(singleOptions, ranges.bindPorts);
  const published = new PublishedPorts({
    ...parts,
    singles,
    grants: new PortGrants(clients),
    gate,
    publishPerClient: limits.publishPerClient,
    listen: ({ host, port }, onSocket) =>
      listenForVisitors(host, { port, pool, native, peers, onSocket, onError }),
    logOf: (clientId) => logs.of(clientId),
    onLimit,
  });
  return { published, gate };
}
