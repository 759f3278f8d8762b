import { describe, expect, it } from 'vitest';
import { bytes, DatagramPair, randomBytes, SETUP } from './datagram-pair.ts';

const TO = { host: '198.51.100.7', port: 53 };

describe('datagrams', () => {
  it('reach the other end over a path, and answers come back', () => {
    const pair = new DatagramPair().begin();
    const { client, concentrator } = pair;
    const association = client.session.datagrams.openAssociation();
    const flow = client.session.datagrams.openFlow(association, TO);
    client.session.datagrams.send(flow, bytes('question'));
    pair.settle();
    expect(concentrator.eventsOf('flow-opened')).toEqual([
      {
        type: 'flow-opened',
        flow: { flowId: flow, associationId: association, destination: TO, mode: 'lowest-latency' },
      },
    ]);
    concentrator.session.datagrams.send(flow, bytes('answer'));
    pair.settle();
    expect(concentrator.texts).toEqual(['question']);
    expect(client.texts).toEqual(['answer']);
    expect([client.drops, concentrator.drops]).toEqual([{}, {}]);
    expect(client.session.datagrams.snapshot().counters).toMatchObject({ sentDatagrams: 1, sentFrames: 0 });
  });

  it('are offered by the first frame, and not known before', () => {
    const pair = new DatagramPair();
    const { client, concentrator } = pair;
    expect(() => client.session.datagrams.openAssociation()).toThrow('carries no datagrams');
    concentrator.session.datagrams.offer(SETUP, randomBytes);
    pair.settle();
    const setup = { ...SETUP, epoch: 1 };
    expect(client.eventsOf('datagrams-offered')).toEqual([{ type: 'datagrams-offered', setup }]);
    expect(client.session.datagrams.setup).toEqual(setup);
  });

  it('travel on subflows where no packet passes', () => {
    const pair = new DatagramPair();
    pair.fate = () => 'lost';
    pair.begin();
    const { client, concentrator } = pair;
    const flow = client.session.datagrams.openFlow(client.session.datagrams.openAssociation(), TO);
    client.session.datagrams.send(flow, bytes('question'));
    pair.settle();
    concentrator.session.datagrams.send(flow, bytes('answer'));
    pair.settle();
    expect(concentrator.texts).toEqual(['question']);
    expect(client.texts).toEqual(['answer']);
    expect(client.session.datagrams.snapshot().counters.sentFrames).toBe(1);
  });
});
