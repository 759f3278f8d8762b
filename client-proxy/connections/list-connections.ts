import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import type { Concentrators } from '../concentrators/concentrators.ts';
import type { DatagramRelay } from '../datagram/datagram-relay.ts';
import type { RelayedRequest, RelayedRequests } from '../direct/direct-opening.ts';
import type { DirectRoute } from '../steering/datagram-decision.ts';
import type { OpenStream, SteeredRequest } from '../steering/steered-streams.ts';
import type { Steering } from '../steering/steering.ts';
import type { OpenConnection } from './open-connection.ts';

/** Where connections of applications are. */
export interface ConnectionSources {
  readonly steering: Pick<Steering, 'open' | 'ruleOf'>;
  readonly direct: RelayedRequests;
  readonly datagrams: Pick<DatagramRelay, 'applications'>;
  readonly concentrators: Pick<Concentrators, 'members' | 'namesOfSessions'>;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
}

/** All that applications have open now: streams, direct connections, flows of datagrams. */
export function listConnections(sources: ConnectionSources): readonly OpenConnection[] {
  const { steering, direct, concentrators } = sources;
  const names: SessionNames =
    concentrators.members.length > 1 ? concentrators.namesOfSessions : new Map<object, string>();
  return [
    ...steering.open.map((stream) => streamConnection(stream, names)),
    ...Array.from(direct.relayed, directConnection),
    ...flowConnections(sources, names),
  ];
}

/** The concentrators of sessions, where there are several. */
type SessionNames = ReadonlyMap<object | undefined, string>;

function streamConnection(stream: OpenStream, names: SessionNames): OpenConnection {
  const { key, request, policy, rule, sinceMs, carried, session } = stream;
  return {
    ...{ ...tcp(key, request), sinceMs, carried, rule },
    ...{ way: { kind: 'steer', policy }, concentrator: names.get(session) },
  };
}

function directConnection(relayed: RelayedRequest): OpenConnection {
  const { request, sinceMs, carried, choice } = relayed;
  const { reason, rule } = choice;
  return { ...tcp(relayed, request), sinceMs, carried: [carried], rule, way: { kind: 'direct', reason } };
}

function tcp(key: object, { destination, name, user, socket }: SteeredRequest) {
  const close = () => socket.destroy('reset');
  return { key, protocol: 'tcp', destination, name, user, from: socket.remoteAddress, close } as const;
}

function flowConnections(
  { steering, datagrams, clock, wallClock }: ConnectionSources,
  names: SessionNames,
): readonly OpenConnection[] {
  const clockBeganMs = wallClock() - clock();
  return datagrams.applications.flatMap(({ user, from, flows }) =>
    flows.map(({ flow, way, carried, session, end }): OpenConnection => {
      const { destination, sinceMs } = flow;
      const isSteered = way.kind === 'steer';
      return {
        ...{ key: flow, protocol: 'udp', destination, user, from, carried, close: end },
        sinceMs: clockBeganMs + sinceMs,
        way: isSteered ? way : { kind: 'direct', reason: reasonOf(way.route) },
        concentrator: names.get(session),
        // Flows follow the rules, so that those of now have chosen it. It takes a search: for who asks.
        get rule() {
          return steering.ruleOf({ destination, protocol: 'udp', ...(user === undefined ? {} : { user }) });
        },
      };
    }),
  );
}

function reasonOf(route: DirectRoute) {
  return route.kind === 'direct' ? 'rule' : route.reason;
}
