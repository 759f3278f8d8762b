import { describe, expect, it } from 'vitest';
import type { ControlFrame } from '../../../shared/protocol/codec/frame.ts';
import { encodeControl } from '../../../shared/protocol/codec/frame.ts';
import { FIRST_CONCENTRATOR_FLOW } from '../../../shared/protocol/codec/wire.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { thrownBy } from '../support.ts';
import { bytes, DatagramPair, messageOf, type PairEnd, SETUP } from './datagram-pair.ts';

const TO = { host: '198.51.100.7', port: 53 };

function begun(uplinks: readonly string[] = ['wifi']) {
  const pair = new DatagramPair(uplinks).begin(uplinks);
  const { datagrams } = pair.client.session;
  const association = datagrams.openAssociation();
  const flow = datagrams.openFlow(association, TO);
  pair.settle();
  return { pair, datagrams, association, flow, peer: pair.concentrator.session.datagrams };
}

/** A frame that the other end might have sent. */
function hear({ session }: PairEnd, frame: ControlFrame): void {
  session.receive(0, new OwnBytes(encodeControl(frame)));
}

const flowFrame = (flowId: number, associationId = 0): ControlFrame => ({
  type: 'flow',
  flowId,
  associationId,
  mode: 1,
  ...TO,
});
const endFrame = (id: number, isAssociation = false): ControlFrame => ({
  type: 'flowEnd',
  id,
  isAssociation,
  code: 0x89,
});
const openedFlows = (end: PairEnd) => end.eventsOf('flow-opened').map(({ flow }) => flow.flowId);

describe('flows', () => {
  it('announce themselves in each datagram, until the frame has arrived', () => {
    const pair = new DatagramPair().begin();
    const { datagrams } = pair.client.session;
    pair.subflowsPass = false;
    const flow = datagrams.openFlow(datagrams.openAssociation(), TO);
    for (const text of ['a', 'b']) datagrams.send(flow, bytes(text));
    pair.settle();
    expect(pair.concentrator.texts).toEqual(['a', 'b']);
    expect(openedFlows(pair.concentrator)).toEqual([flow]);
    pair.subflowsPass = true;
    const next = datagrams.openFlow(0, TO);
    pair.run(100);
    datagrams.send(next, bytes('c'));
    pair.settle();
    expect(messageOf(pair.client.packets.at(-1)!)).toHaveLength(8 + 1);
    expect(pair.concentrator.texts).toEqual(['a', 'b', 'c']);
  });

  it('of the concentrator have numbers of their own', () => {
    const { pair, association, peer } = begun();
    const back = peer.openFlow(association, { host: '198.51.100.7', port: 4_000 });
    expect(back).toBe(FIRST_CONCENTRATOR_FLOW);
    peer.send(back, bytes('from another port'));
    pair.settle();
    expect(openedFlows(pair.client)).toEqual([back]);
    pair.client.session.datagrams.send(back, bytes('and back'));
    pair.settle();
    expect([pair.client.texts, pair.concentrator.texts]).toEqual([['from another port'], ['and back']]);
  });

  it('of the concentrator use no other uplinks than those of their association', () => {
    const { pair, datagrams, peer } = begun(['wifi', 'lte']);
    const association = datagrams.openAssociation();
    datagrams.openFlow(association, TO, { mode: 'lowest-latency', only: ['lte'] });
    pair.settle();
    const back = peer.openFlow(association, { host: '198.51.100.7', port: 4_000 });
    const from = pair.concentrator.packets.length;
    for (let i = 0; i < 20; i++) {
      peer.send(back, bytes('x'));
      pair.run(20);
    }
    const sent = pair.concentrator.packets.slice(from).filter(({ payload }) => payload.length > 0);
    expect(new Set(sent.map(({ path }) => datagrams.uplinkOf(path)))).toEqual(new Set(['lte']));
  });

  it('end with their association, at either end', () => {
    for (const from of ['client', 'concentrator'] as const) {
      const { pair, association, flow } = begun();
      pair[from].session.datagrams.endAssociation(association, 'idleTimeout');
      pair.settle();
      const other = from === 'client' ? pair.concentrator : pair.client;
      expect(other.eventsOf('association-ended')).toEqual([
        { type: 'association-ended', associationId: association, error: 'idleTimeout' },
      ]);
      for (const end of pair.ends) {
        expect(end.session.datagrams.snapshot()).toMatchObject({ flowCount: 0, associations: 0 });
        end.session.datagrams.send(flow, bytes('too late'));
        expect(end.drops).toEqual({ 'unknown-flow': 1 });
      }
    }
  });

  it('end one by one, with the reason', () => {
    const { pair, flow, peer } = begun();
    peer.endFlow(flow, 'notAuthorized');
    pair.settle();
    expect(pair.client.eventsOf('flow-ended')).toEqual([
      { type: 'flow-ended', flowId: flow, error: 'notAuthorized' },
    ]);
    expect(pair.client.session.datagrams.snapshot()).toMatchObject({ flowCount: 0, associations: 1 });
  });

  it('are steered by the client, at both ends', () => {
    const { pair, datagrams, association } = begun();
    const flow = datagrams.openFlow(association, TO, {
      mode: 'redundant',
      down: { mode: 'priority', order: ['wifi'] },
    });
    pair.settle();
    const modeAt = (end: PairEnd) =>
      end.session.datagrams
        .snapshot()
        .flows()
        .find(({ flowId }) => flowId === flow)?.mode;
    expect(pair.ends.map(modeAt)).toEqual(['redundant', 'priority']);
    datagrams.steerFlow(flow, { mode: 'active-standby', order: ['lte', 'wifi'] });
    pair.settle();
    expect(pair.ends.map(modeAt)).toEqual(['active-standby', 'active-standby']);
  });

  it('go by steering that overtakes them, and by the newest alone', () => {
    const { pair } = begun();
    const steering = { maxRttMs: 0, maxLossMillionths: undefined, uplinks: [] };
    hear(pair.concentrator, { type: 'flowSteering', flowId: 7, generation: 2, mode: 5, ...steering });
    hear(pair.concentrator, { type: 'flowSteering', flowId: 7, generation: 1, mode: 0, ...steering });
    hear(pair.concentrator, flowFrame(7));
    hear(pair.concentrator, { type: 'flowSteering', flowId: 7, generation: 2, mode: 0, ...steering });
    pair.settle();
    expect(pair.concentrator.eventsOf('flow-opened').at(-1)?.flow.mode).toBe('redundant');
    hear(pair.concentrator, { type: 'flowSteering', flowId: 7, generation: 3, mode: 200, ...steering });
    const [, flow] = pair.concentrator.session.datagrams.snapshot().flows();
    expect(flow?.mode).toBe('lowest-latency');
  });

  it.each([
    ['a flow that has ended', 'flow-ended', [flowFrame(5), endFrame(5), flowFrame(5)], [5]],
    ['a flow whose end came first', 'its end', [endFrame(5), flowFrame(5)], []],
    ['an association that has ended', 'its end', [endFrame(9, true), flowFrame(5, 9)], []],
    ['a flow that is open', 'it', [flowFrame(5), flowFrame(5)], [5]],
    ['a number far below the highest', 'it', [flowFrame(100_000), flowFrame(5)], [100_000]],
  ] as const)('do not begin again: %s', (_, __, frames, expected) => {
    const { pair, flow } = begun();
    for (const frame of frames) hear(pair.concentrator, frame);
    pair.settle();
    expect(openedFlows(pair.concentrator)).toEqual([flow, ...expected]);
  });

  it('of the concentrator are ignored where their association has ended', () => {
    const { pair } = begun();
    hear(pair.client, flowFrame(FIRST_CONCENTRATOR_FLOW, 77));
    pair.settle();
    expect([openedFlows(pair.client), pair.client.session.isClosed]).toEqual([[], false]);
  });

  it('are limited as the concentrator says', () => {
    const { datagrams, association } = begun();
    for (let i = 1; i < SETUP.maxAssociations; i++) datagrams.openAssociation();
    const exceeded = { code: 'resourceExceeded', name: 'StreamError' };
    expect(thrownBy(() => datagrams.openAssociation())).toEqual(exceeded);
    for (let i = 1; i < SETUP.maxFlows; i++) datagrams.openFlow(association, TO);
    expect(thrownBy(() => datagrams.openFlow(association, TO))).toEqual(exceeded);
    datagrams.endFlow(0, 'cancelled');
    expect(datagrams.openFlow(association, TO)).toBe(SETUP.maxFlows);
  });

  it.each([
    ['without an association', () => begun().datagrams.openFlow(99, TO), 'cancelled'],
    [
      'before the offer',
      () => new DatagramPair().client.session.datagrams.openAssociation(),
      'unsupportedMessage',
    ],
    [
      'in a session that goes away',
      () => {
        const { pair, datagrams } = begun();
        pair.concentrator.session.goAway('goingAway');
        pair.settle();
        datagrams.openAssociation();
      },
      'goingAway',
    ],
  ] as const)('cannot be opened %s', (_, open, code) => {
    expect(thrownBy(open)).toEqual({ code, name: 'StreamError' });
  });

  it('give all memory back when they end, and when the session does', () => {
    const { pair, datagrams, association } = begun();
    for (let i = 0; i < 10; i++) datagrams.send(datagrams.openFlow(association, TO), new Uint8Array(5_000));
    pair.run(50);
    const usedBytes = () => pair.ends.map(({ memory }) => memory.usedBytes);
    expect(Math.min(...usedBytes())).toBeGreaterThan(0);
    datagrams.endAssociation(association, 'cancelled');
    pair.settle();
    expect(usedBytes()).toEqual([0, 0]);
    datagrams.openFlow(datagrams.openAssociation(), TO);
    pair.settle();
    pair.client.session.close('goingAway');
    pair.settle();
    expect(usedBytes()).toEqual([0, 0]);
  });
});
