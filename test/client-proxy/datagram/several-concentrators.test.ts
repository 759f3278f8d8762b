import { expect, it } from 'vitest';
import type { DatagramDecision } from '../../../client-proxy/steering/datagram-decision.ts';
import { FakePlane } from './fake-plane.ts';
import { payloadOf, relayBed, STEER } from './relay-bed.ts';

/** By the port that is sent to: no rule, a rule, a rule that allows no other. */
const RULES: Readonly<Record<number, DatagramDecision>> = {
  1: STEER,
  2: { ...STEER, concentrator: { name: 'paris', isOnly: false } } as DatagramDecision,
  3: { ...STEER, concentrator: { name: 'paris', isOnly: true } } as DatagramDecision,
};
const placeOf = (port: number) => ({ host: '192.0.2.1', port });

const balanced = (reason: 'fallback' | 'rule'): DatagramDecision => ({
  kind: 'direct',
  route: { kind: 'balanced', policy: { mode: 'lowest-latency' }, reason },
});

/** An application, and two concentrators that carry datagrams: frankfurt is chosen. */
function bed() {
  const planes = { frankfurt: new FakePlane(), paris: new FakePlane() };
  const network = { chosen: 'frankfurt', silent: new Set<string>() };
  const made = relayBed(
    ({ destination }) => RULES[destination.port % 10]!,
    (name) => {
      const all = Object.entries(planes);
      if (name !== undefined)
        return all.filter(([one]) => one === name && !network.silent.has(one)).map(([, plane]) => plane);
      return [...all].sort(([one]) => (one === network.chosen ? -1 : 1)).map(([, plane]) => plane);
    },
    (session) => Object.entries(planes).find(([, plane]) => plane === session)?.[0],
  );
  const begin = (name: keyof typeof planes) => {
    planes[name] = new FakePlane();
    made.relay.onSession(planes[name], true);
    made.relay.onDatagramEvent(planes[name], planes[name].offered);
  };
  begin('frankfurt');
  begin('paris');
  const association = made.join();
  /** @returns who has carried it */
  const send = (port: number) => {
    const before = Object.values(planes).map(({ sent }) => sent.length);
    association.send(placeOf(port), payloadOf('x'));
    return Object.keys(planes).filter(
      (name, index) => planes[name as keyof typeof planes].sent.length > before[index]!,
    );
  };
  const fallSilent = (name: keyof typeof planes, chosen: string) => {
    network.silent.add(name);
    network.chosen = chosen;
    made.relay.moveFrom(new Set([planes[name]]));
  };
  const ends = (name: string) => made.relay.onSessionEnded(planes[name as keyof typeof planes]);
  /** The other end sends to the port at this concentrator. */
  const comesTo = (name: keyof typeof planes, port: number) => {
    const opened = planes[name].reverse(0, placeOf(port));
    made.relay.onDatagramEvent(planes[name], opened);
    const { flowId } = opened.flow;
    made.relay.onDatagramEvent(planes[name], { type: 'datagram', flowId, payload: payloadOf('hello') });
  };
  return { ...made, planes, network, association, send, begin, fallSilent, ends, comesTo };
}

it('go where a rule says, the others to the best, and say so when they begin', () => {
  const { send, planes, opened } = bed();
  expect([1, 2, 3, 2].map(send)).toEqual([['frankfurt'], ['paris'], ['paris'], ['paris']]);
  expect(opened).toEqual([planes.frankfurt, planes.paris, planes.paris]);
});

it('stay where they began when another one becomes the best, and so do the others of the same application', () => {
  const { send, network, relay } = bed();
  send(1);
  network.chosen = 'paris';
  relay.review();
  expect([send(1), send(11)]).toEqual([['frankfurt'], ['frankfurt']]);
});

it('begin anew at another one when theirs falls silent, but where no other may stand in, and stay there', () => {
  const { send, network, counts, fallSilent, planes } = bed();
  [1, 2, 3].map(send);
  fallSilent('paris', 'frankfurt');
  expect([1, 2].map(send)).toEqual([['frankfurt'], ['frankfurt']]);
  // What no other may carry is sent as before: its concentrator may hear it, though it is not heard.
  expect(send(3)).toEqual(['paris']);
  expect([send(12), send(13)]).toEqual([['frankfurt'], []]);
  expect(counts.drops.noSession).toBe(1);
  network.silent.clear();
  expect([2, 3, 12, 13, 22].map(send)).toEqual([
    ...[['frankfurt'], ['paris'], ['frankfurt'], ['paris'], ['paris']],
  ]);
  expect(planes.paris.calls.filter((call) => call.startsWith('association'))).toEqual(['association 0']);
});

it('that no rule sends elsewhere leave a silent home with all that others of their application have there', () => {
  const { send, fallSilent, planes } = bed();
  [1, 11].map(send);
  fallSilent('frankfurt', 'paris');
  expect(planes.frankfurt.calls.at(-1)).toBe('end association 0: cancelled');
  expect([1, 11, 21].map(send)).toEqual([['paris'], ['paris'], ['paris']]);
});

it('of a session that is over begin anew: where a rule says, or else elsewhere', () => {
  const { send, ends, begin, counts } = bed();
  [1, 2, 3].map(send);
  ends('paris');
  expect([1, 2, 3].map(send)).toEqual([['frankfurt'], ['frankfurt'], []]);
  expect(counts.drops.noSession).toBe(1);
  begin('paris');
  expect([1, 2, 3].map(send)).toEqual([['frankfurt'], ['frankfurt'], ['paris']]);
});

it('of a concentrator that was taken out begin anew elsewhere, whatever the rules said of it', () => {
  const { send, relay, planes, network } = bed();
  [1, 2, 3].map(send);
  relay.leaveSessions([planes.paris]);
  network.silent.add('paris');
  expect([1, 2, 3].map(send)).toEqual([['frankfurt'], ['frankfurt'], []]);
});

it('hear what comes to either of their ports, and answer through the one where it came', () => {
  const { relay, planes, send, received } = bed();
  [1, 2].map(send);
  for (const [name, plane] of Object.entries(planes)) {
    const reverse = plane.reverse(0, { host: name, port: 1 });
    relay.onDatagramEvent(plane, reverse);
    const { flowId } = reverse.flow;
    relay.onDatagramEvent(plane, { type: 'datagram', flowId, payload: payloadOf('hello') });
  }
  expect(received.map(({ from }) => from)).toEqual(['frankfurt 1', 'paris 1']);
});

it.each<[string, number, string]>([
  ['no rule', 11, 'frankfurt'],
  ['a rule that allows others', 12, 'frankfurt'],
  ['a rule that allows no other', 13, 'paris'],
])('answer by %s what came to a port elsewhere', (_, port, by) => {
  const { received, send, comesTo, planes } = bed();
  send(1);
  comesTo('frankfurt', port);
  expect(received).toHaveLength(1);
  expect([send(port), send(port)]).toEqual([[by], [by]]);
  const ended = planes.frankfurt.calls.filter((call) => call.startsWith('end '));
  expect(ended).toHaveLength(by === 'frankfurt' ? 0 : 1);
});

it('whose rule allows no other concentrator do not answer elsewhere either when they were not open', () => {
  const { received, send, comesTo, ends, begin, counts } = bed();
  [1, 3].map(send);
  ends('paris');
  comesTo('frankfurt', 3);
  expect([received.length, send(3), counts.drops.noSession]).toEqual([1, [], 1]);
  comesTo('frankfurt', 3);
  begin('paris');
  expect([received.length, send(3)]).toEqual([2, ['paris']]);
});

it.each<[string, DatagramDecision]>([
  ['were blocked', { kind: 'block' }],
  ['went directly', balanced('rule')],
])('that %s and are allowed at one concentrator now go there, whoever has sent before', (_, before) => {
  const { relay, rules, send, comesTo } = bed();
  send(1);
  const { decide } = rules;
  rules.decide = () => before;
  expect(send(3)).toEqual([]);
  comesTo('frankfurt', 3);
  rules.decide = decide;
  relay.review();
  expect(send(3)).toEqual(['paris']);
});

it.each<[string, number, readonly string[]]>([
  ['stay outside', 1, []],
  ['stay outside, whichever concentrator they wish for', 2, []],
  ['come in where their rule allows one concentrator alone', 3, ['paris']],
])('that went directly for want of a concentrator %s', (_, port, by) => {
  const { relay, rules, send, direct } = bed();
  const { decide } = rules;
  rules.decide = () => balanced('fallback');
  send(port);
  rules.decide = decide;
  relay.review();
  expect(send(port)).toEqual(by);
  expect(direct.includes('192.0.2.1 ended')).toBe(by.length > 0);
});

it('end with their application at all of them', () => {
  const { relay, association, send, planes } = bed();
  [1, 2].map(send);
  relay.leave(association);
  expect(Object.values(planes).map(({ calls }) => calls.at(-1))).toEqual([
    ...['end association 0: cancelled', 'end association 0: cancelled'],
  ]);
});

it('follow rules that wish for another concentrator when they begin anew, and not before', () => {
  const { relay, rules, send, ends } = bed();
  send(1);
  rules.decide = () => RULES[3]!;
  relay.review();
  expect(send(1)).toEqual(['frankfurt']);
  ends('frankfurt');
  expect(send(1)).toEqual(['paris']);
});

it('leave a silent concentrator for the only one that their rule allows now', () => {
  const { relay, rules, send, fallSilent } = bed();
  send(1);
  rules.decide = () => RULES[3]!;
  relay.review();
  fallSilent('frankfurt', 'paris');
  expect(send(1)).toEqual(['paris']);
});

it('are displaced in the session that has no room, and nowhere else', () => {
  const { relay, planes, send } = bed();
  [1, 2, 12].map(send);
  const small = new FakePlane({ maxFlows: 1 });
  relay.onSessionEnded(planes.paris);
  planes.paris = small;
  relay.onSession(small, true);
  relay.onDatagramEvent(small, small.offered);
  expect([3, 13].map(send)).toEqual([['paris'], ['paris']]);
  expect(small.calls).toContain('end 0: cancelled');
  expect(planes.frankfurt.calls.filter((call) => call.startsWith('end'))).toEqual([]);
});

it('tell when the last of them went through a session', () => {
  const { relay, planes, send, time } = bed();
  send(1);
  time.ms += 5_000;
  send(2);
  const times = () => [planes.frankfurt, planes.paris].map((plane) => relay.useOf(plane).usedMs);
  expect(times()).toEqual([1_000, 6_000]);
  time.ms += 5_000;
  send(1);
  expect(times()).toEqual([11_000, 6_000]);
  send(11);
  expect([relay.useOf(planes.frankfurt).flowCount, relay.useOf(new FakePlane())]).toEqual([
    2,
    { flowCount: 0, usedMs: undefined },
  ]);
});
