import { expect, it } from 'vitest';
import { listConnections } from '../../../client-proxy/connections/list-connections.ts';
import { RuleSet } from '../../../client-proxy/steering/rule-set.ts';
import type { StreamSteerer } from '../../../client-proxy/steering/steered-streams.ts';
import { Steering } from '../../../client-proxy/steering/steering.ts';
import type { SteeringRule } from '../../../client-proxy/steering/steering-rule.ts';
import { FakePlane } from '../datagram/fake-plane.ts';
import { payloadOf, relayBed } from '../datagram/relay-bed.ts';

const REDUNDANT: SteeringRule = {
  hosts: ['bank.test'],
  action: { kind: 'steer', policy: { mode: 'redundant' } },
};
const GAME: SteeringRule = { networks: ['203.0.113.0/24'], protocol: 'udp', action: REDUNDANT.action };

it('has streams, direct connections and flows of datagrams, each with the rule that chose its way', () => {
  const opened: { over(): void }[] = [];
  const steerer: StreamSteerer = {
    input() {},
    carriedOf: (id) => [{ uplinkName: 'dsl', sentBytes: id, receivedBytes: 2 }],
  };
  const steering = new Steering({
    rules: new RuleSet({
      default: { mode: 'aggregate' },
      datagrams: { mode: 'lowest-latency' },
      rules: [REDUNDANT, GAME],
    }),
    uplinks: () => [{ name: 'dsl' }],
    wallClock: () => 5_000,
    logger: { debug() {}, info() {}, warn() {} } as never,
    openStream: (_request, steered) => {
      opened.push(steered);
      steered.opened(steerer, 7);
    },
    openDirect() {},
    openBalanced() {},
    whyDirect: () => undefined,
    onDecision() {},
    onRulesChanged() {},
    onResteered() {},
  });
  const closed: string[] = [];
  const ask = (host: string, user?: string) => {
    const socket = {
      remoteAddress: '10.0.0.2',
      destroy: (how: string) => void closed.push(`${host} ${how}`),
    };
    const request = { destination: { host, port: 443 }, socket, earlyData: [new Uint8Array(9)] };
    steering.serve({ ...request, ...(user === undefined ? {} : { user }) } as never);
  };
  ask('www.test');
  ask('bank.test', 'alice');
  const relayed = {
    request: { destination: { host: 'direct.test', port: 80 }, socket: { remoteAddress: '', destroy() {} } },
    choice: { reason: 'fallback', rule: undefined },
    carried: { uplinkName: 'lte', sentBytes: 1, receivedBytes: 2 },
    sinceMs: 6_000,
  } as const;
  const bed = relayBed();
  const plane = new FakePlane();
  bed.relay.onSession(plane, true);
  bed.relay.onDatagramEvent(plane, plane.offered);
  const association = bed.relay.join({ user: 'bob', from: () => '10.0.0.3', onDatagram() {} });
  association.send({ host: '203.0.113.5', port: 3074 }, payloadOf('hello'));
  const list = listConnections({
    ...{ steering, direct: { relayed: new Set([relayed]) }, datagrams: bed.relay },
    concentrators: {
      members: [{}, {}] as never,
      namesOfSessions: new Map<object, string>([
        [steerer, 'frankfurt'],
        [plane, 'paris'],
      ]),
    },
    ...{ clock: () => bed.time.ms, wallClock: () => 9_000 },
  });
  expect(list.map(({ key: _, close: __, ...rest }) => rest)).toMatchObject([
    {
      ...{ protocol: 'tcp', destination: { host: 'www.test' }, from: '10.0.0.2', sinceMs: 5_000 },
      ...{ way: { kind: 'steer', policy: { mode: 'aggregate' } }, rule: undefined },
      carried: [{ uplinkName: 'dsl', sentBytes: 7, receivedBytes: 2 }],
      concentrator: 'frankfurt',
    },
    { destination: { host: 'bank.test' }, user: 'alice', rule: REDUNDANT },
    { destination: { host: 'direct.test' }, way: { kind: 'direct', reason: 'fallback' }, sinceMs: 6_000 },
    {
      ...{ protocol: 'udp', destination: { host: '203.0.113.5' }, user: 'bob', from: '10.0.0.3' },
      ...{ sinceMs: 9_000, rule: GAME, concentrator: 'paris' },
      carried: [{ uplinkName: 'dsl', sentBytes: 100, receivedBytes: 1_000 }],
    },
  ]);
  // What an application has sent with its request is not kept for as long as the connection is open.
  expect(JSON.stringify(steering.open)).not.toContain('earlyData');
  list[1]!.close();
  expect(closed).toEqual(['bank.test reset']);
  list[3]!.close();
  expect(plane.calls).toContain('end 0: cancelled');
  for (const stream of opened) stream.over();
  expect([steering.open.length, bed.relay.applications[0]!.flows.length]).toEqual([0, 0]);
});
