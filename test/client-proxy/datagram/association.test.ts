import { describe, expect, it } from 'vitest';
import { FLOW_IDLE_MS, MAX_FLOWS } from '../../../client-proxy/datagram/association.ts';
import type { DatagramDecision } from '../../../client-proxy/steering/datagram-decision.ts';
import type { ErrorName } from '../../../shared/protocol/errors.ts';
import { FakePlane } from './fake-plane.ts';
import { payloadOf, relayBed, STEER } from './relay-bed.ts';

const DNS = { host: '192.0.2.53', port: 53 };
const STUN = { host: 'stun.example', port: 3478 };

/** A relay with an established session, and one application. */
function bed(...args: Parameters<typeof relayBed>) {
  const made = relayBed(...args);
  const plane = new FakePlane();
  made.relay.onSession(plane, true);
  made.relay.onDatagramEvent(plane, plane.offered);
  const association = made.join();
  const send = (destination: typeof DNS, text = 'hello') => association.send(destination, payloadOf(text));
  return { ...made, plane, association, send };
}

describe('flows of an application', () => {
  it('begin with the first datagram to each destination, in one association', () => {
    const { plane, send, counts } = bed();
    send(DNS, 'one');
    send(STUN, 'two');
    send(DNS, 'three');
    expect(plane.calls).toEqual([
      'association 0',
      'flow 0 of 0 to 192.0.2.53 53: lowest-latency',
      'flow 1 of 0 to stun.example 3478: lowest-latency',
    ]);
    expect(plane.sent).toEqual([
      { flowId: 0, payload: 'one' },
      { flowId: 1, payload: 'two' },
      { flowId: 0, payload: 'three' },
    ]);
    expect(counts.sent).toEqual({ datagrams: 3, bytes: 11 });
  });

  it('bring what comes back, and what comes from elsewhere, with where it is from', () => {
    const { relay, plane, send, received } = bed();
    send(STUN);
    const reverse = plane.reverse(0, { host: '198.51.100.7', port: 3478 });
    relay.onDatagramEvent(plane, reverse);
    const { flowId } = reverse.flow;
    relay.onDatagramEvent(plane, { type: 'datagram', flowId, payload: payloadOf('mapped') });
    relay.onDatagramEvent(plane, { type: 'datagram', flowId: 0, payload: payloadOf('named') });
    relay.onDatagramEvent(plane, { type: 'datagram', flowId: 77, payload: payloadOf('unknown') });
    expect(received).toEqual([
      { from: '198.51.100.7 3478', payload: 'mapped' },
      { from: 'stun.example 3478', payload: 'named' },
    ]);
    // What the application sends there goes the same way.
    send(reverse.flow.destination);
    expect(plane.sent.at(-1)).toMatchObject({ flowId });
    expect(plane.calls).toContain(`steer ${flowId}: lowest-latency`);
  });

  it('end with the application', () => {
    const { relay, plane, association, send } = bed();
    send(DNS);
    relay.leave(association);
    send(DNS);
    expect(plane.calls.slice(2)).toEqual(['end association 0: cancelled']);
    expect([relay.associationCount, relay.flowCount]).toEqual([0, 0]);
  });

  it.each<[ErrorName, number, string]>([
    ['idleTimeout', 0, 'begin anew with the next datagram'],
    ['cancelled', 0, 'begin anew with the next datagram'],
    ['notAuthorized', 1, 'are not asked for again at once'],
    ['connectionRefused', 1, 'are not asked for again at once'],
  ])('ended by the concentrator with %s', (error, refused) => {
    const { relay, plane, send, counts, time } = bed();
    send(DNS);
    relay.onDatagramEvent(plane, { type: 'flow-ended', flowId: 0, error });
    send(DNS);
    expect(counts.drops.refused).toBe(refused);
    time.ms += 1_000;
    send(DNS);
    expect(plane.calls.filter((call) => call.startsWith('flow'))).toHaveLength(2);
    expect(plane.sent).toHaveLength(3 - refused);
  });

  it('are ended when nothing was sent in them for long, either way', () => {
    const { relay, plane, association, send, time } = bed();
    send(DNS);
    send(STUN);
    time.ms += FLOW_IDLE_MS - 1;
    relay.onDatagramEvent(plane, { type: 'datagram', flowId: 1, payload: payloadOf('still here') });
    time.ms += 1;
    association.endIdle();
    expect(plane.calls.slice(3)).toEqual(['end 0: idleTimeout']);
    expect(association.flowCount).toBe(1);
  });
});

describe('bounds', () => {
  it('of an application: the flow that was not used for the longest time gives way', () => {
    const { plane, association, send, counts, time } = bed();
    for (let port = 1; port <= MAX_FLOWS; port++) send({ host: '192.0.2.1', port });
    time.ms += 1_000;
    send({ host: '192.0.2.1', port: 1 });
    send({ host: '192.0.2.1', port: MAX_FLOWS + 1 });
    expect(plane.calls.at(-2)).toBe('end 1: cancelled');
    expect([association.flowCount, counts.displacedFlows]).toEqual([MAX_FLOWS, 1]);
  });

  it('of an application: what it has not asked for gives way first', () => {
    const { relay, plane, send } = bed();
    for (let port = 1; port < MAX_FLOWS; port++) send({ host: '192.0.2.1', port });
    const reverse = plane.reverse(0, { host: '192.0.2.1', port: 60_000 });
    relay.onDatagramEvent(plane, reverse);
    send(DNS);
    expect(plane.calls.at(-2)).toBe(`end ${reverse.flow.flowId}: cancelled`);
  });

  it('of a session: a flow of the application with the most, and the most silent association, give way', () => {
    const { relay, join, counts, time } = relayBed();
    const plane = new FakePlane({ maxFlows: 4, maxAssociations: 2 });
    relay.onSession(plane, true);
    relay.onDatagramEvent(plane, plane.offered);
    const [many, one, late] = [join(), join(), join()];
    for (const port of [1, 2, 3]) many.send({ host: '192.0.2.1', port }, payloadOf('x'));
    one.send(DNS, payloadOf('x'));
    time.ms += 10;
    one.send(STUN, payloadOf('x'));
    expect(plane.calls.slice(-2)).toEqual(['end 0: cancelled', expect.stringMatching(/^flow 4 of 1/)]);
    late.send(DNS, payloadOf('x'));
    expect(plane.calls.slice(-3)).toEqual([
      'end association 0: cancelled',
      'association 2',
      expect.stringMatching(/^flow 5 of 2/),
    ]);
    expect([counts.displacedFlows, counts.displacedAssociations]).toEqual([1, 1]);
    // Its application notices nothing: it begins anew.
    many.send({ host: '192.0.2.1', port: 3 }, payloadOf('again'));
    expect(plane.sent.at(-1)?.payload).toBe('again');
  });

  it('of the concentrator: what it does not take is dropped and counted', () => {
    const { plane, send, counts } = bed();
    plane.refusal = 'resourceExceeded';
    send(DNS);
    expect([plane.sent, counts.drops.noRoom]).toEqual([[], 1]);
  });
});

describe('sessions', () => {
  it('without one, datagrams are dropped and counted', () => {
    const { relay, join, counts } = relayBed();
    const plane = new FakePlane();
    const association = join();
    association.send(DNS, payloadOf('none'));
    relay.onSession(plane, true);
    association.send(DNS, payloadOf('not offered yet'));
    expect([plane.sent, counts.drops.noSession, counts.sent.datagrams]).toEqual([[], 2, 0]);
  });

  it('associations outlive them: all begins anew in the next, where something is sent', () => {
    const { relay, plane, send, received } = bed();
    send(DNS);
    send(STUN);
    relay.onSessionEnded(plane);
    send(DNS);
    const next = new FakePlane();
    relay.onSession(next, true);
    relay.onDatagramEvent(next, next.offered);
    send(DNS, 'again');
    relay.onDatagramEvent(next, { type: 'datagram', flowId: 0, payload: payloadOf('answer') });
    expect(next.calls).toEqual(['association 0', 'flow 0 of 0 to 192.0.2.53 53: lowest-latency']);
    expect(received).toEqual([{ from: '192.0.2.53 53', payload: 'answer' }]);
  });

  it('one that is going away keeps what it has, until it takes nothing new', () => {
    const { relay, plane, send, counts } = bed();
    send(DNS);
    const next = new FakePlane();
    relay.onSession(next, true);
    relay.onDatagramEvent(next, next.offered);
    send(DNS);
    expect(plane.sent).toHaveLength(2);
    plane.refusal = 'goingAway';
    send(STUN);
    send(STUN);
    expect(plane.calls.at(-1)).toBe('end association 0: cancelled');
    expect([next.sent.length, counts.drops.noSession]).toEqual([1, 1]);
    // All of the application comes from one place.
    send(DNS);
    expect(next.sent).toHaveLength(2);
  });

  it('a concentrator that carries no datagrams is told of', () => {
    const { relay, join, warnings } = relayBed();
    join();
    relay.onSession(new FakePlane(), false);
    expect([relay.isUnsupported, warnings.length]).toEqual([true, 1]);
  });

  it.each([
    ['before', true],
    ['after', false],
  ])('one that carries none and came %s one that does has the say when that stays away', (_, isFirst) => {
    const { relay, join, time, handlers } = relayBed();
    let told = 0;
    handlers.onUnsupported = () => void told++;
    join();
    const [carrying, without] = [new FakePlane(), new FakePlane()];
    if (isFirst) relay.onSession(without, false);
    relay.onSession(carrying, true);
    if (!isFirst) relay.onSession(without, false);
    told = 0;
    relay.onSessionEnded(carrying);
    relay.review();
    expect([relay.isUnsupported, told]).toEqual([false, 0]);
    time.ms += 15_000;
    relay.review();
    expect([relay.isUnsupported, told]).toEqual([true, 1]);
    relay.onSession(carrying, true);
    expect(relay.isUnsupported).toBe(false);
  });
});

describe('rules', () => {
  const BLOCK: DatagramDecision = { kind: 'block' };
  const byRule: DatagramDecision = { kind: 'direct', route: { kind: 'direct', uplink: 'dsl' } };
  const fallback: DatagramDecision = {
    kind: 'direct',
    route: { kind: 'balanced', policy: { mode: 'lowest-latency' }, reason: 'fallback' },
  };
  const REDUNDANT: DatagramDecision = { kind: 'steer', policy: { mode: 'redundant' } };

  it('decide for each flow: by the user, for datagrams', () => {
    const subjects: object[] = [];
    const { plane, direct, counts, relay, rules, join } = bed();
    rules.decide = (subject) => {
      subjects.push(subject);
      return { 1: BLOCK, 2: byRule, 3: REDUNDANT }[subject.destination.port]!;
    };
    const association = join('alice');
    for (const port of [1, 2, 3]) association.send({ host: '192.0.2.1', port }, payloadOf('x'));
    expect(subjects[0]).toEqual({
      destination: { host: '192.0.2.1', port: 1 },
      protocol: 'udp',
      user: 'alice',
    });
    expect([counts.drops.blocked, direct, plane.calls.at(-1)]).toEqual([
      1,
      ['192.0.2.1: x'],
      'flow 0 of 0 to 192.0.2.1 3: redundant',
    ]);
    expect(counts.flows).toEqual({ steer: 1, direct: 1, block: 1 });
    relay.leave(association);
    expect(direct.at(-1)).toBe('192.0.2.1 ended');
  });

  it.each<[string, DatagramDecision, DatagramDecision, string[], string[]]>([
    ['another policy', STEER, REDUNDANT, ['steer 0: redundant'], []],
    ['the same policy', STEER, { ...STEER }, [], []],
    ['blocked', STEER, BLOCK, ['end 0: cancelled'], []],
    ['directly', STEER, byRule, ['end 0: cancelled'], []],
    ['the fallback takes over', STEER, fallback, ['end 0: cancelled'], []],
    ['the fallback ends: what goes directly stays there', fallback, STEER, [], []],
    ['no longer directly', byRule, STEER, [], ['192.0.2.53 ended']],
    ['directly as before', byRule, { ...byRule }, [], []],
    ['no longer blocked', BLOCK, STEER, [], []],
  ])('when they change, flows follow: %s', (_, before, after, calls, directCalls) => {
    const { relay, plane, direct, rules, send } = bed(() => before);
    send(DNS, 'x');
    const [done, sent] = [plane.calls.length, direct.length];
    rules.decide = () => after;
    relay.review();
    expect(plane.calls.slice(done)).toEqual(calls);
    expect(direct.slice(sent)).toEqual(directCalls);
  });

  it('take a flow from an uplink that has failed, or is not allowed any more, to where it would begin now', () => {
    const { relay, plane, direct, rules, handlers, send } = bed(() => fallback);
    send(DNS, 'one');
    handlers.goOn = ({ only }) => only === undefined;
    relay.review();
    send(DNS, 'two');
    rules.decide = () => ({
      kind: 'direct',
      route: { kind: 'balanced', policy: { mode: 'lowest-latency', only: ['dsl'] }, reason: 'fallback' },
    });
    relay.review();
    send(DNS, 'three');
    handlers.goOn = () => false;
    rules.decide = () => STEER;
    relay.review();
    const sent = plane.calls.length;
    send(DNS, 'four');
    expect(direct).toEqual([
      '192.0.2.53: one',
      '192.0.2.53: two',
      '192.0.2.53 ended',
      '192.0.2.53: three',
      '192.0.2.53 ended',
    ]);
    expect(plane.calls.slice(sent).join()).toContain('to 192.0.2.53 53');
  });
});
