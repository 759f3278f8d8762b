import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
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
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
}

/** All that applications have open now: streams, direct connections, flows of datagrams. */
export function listConnections(sources: ConnectionSources): readonly OpenConnection[] {
  const { steering, direct } = sources;
  return [
    ...steering.open.map(streamConnection),
    ...Array.from(direct.relayed, directConnection),
    ...flowConnections(sources),
  ];
}

function streamConnection({ key, request, policy, rule, sinceMs, carried }: OpenStream): OpenConnection {
  return { ...tcp(key, request), sinceMs, carried, rule, way: { kind: 'steer', policy } };
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

function flowConnections({
  steering,
  datagrams,
  clock,
  wallClock,
}: ConnectionSources): readonly OpenConnection[] {
  const clockBeganMs = wallClock() - clock();
  return datagrams.applications.flatMap(({ user, from, flows }) =>
    flows.map(({ flow, way, carried, end }): OpenConnection => {
      const { destination, sinceMs } = flow;
      const isSteered = way.kind === 'steer';
      return {
        ...{ key: flow, protocol: 'udp', destination, user, from, carried, close: end },
        sinceMs: clockBeganMs + sinceMs,
        way: isSteered ? way : { kind: 'direct', reason: reasonOf(way.route) },
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
