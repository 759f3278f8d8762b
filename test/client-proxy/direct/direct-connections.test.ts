import { describe, expect, it } from 'vitest';
import { DirectConnections } from '../../../client-proxy/direct/direct-connections.ts';
import type { Uplink } from '../../../client-proxy/uplink/uplink.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';

class Origin extends FakeAppSocket {
  readonly destroyed: string[] = [];
  override readonly localAddress: string;

  constructor(localAddress = '') {
    super();
    this.localAddress = localAddress;
  }

  override destroy(how = 'close'): void {
    this.destroyed.push(how);
  }
}

const bound = (name: string, device: string): Uplink => ({
  name,
  backup: false,
  binding: { kind: 'interface', interface: device },
});

function open(...origins: [uplink: string, origin: Origin][]): DirectConnections {
  const connections = new DirectConnections();
  connections.setUplinks([bound('dsl', 'eth0'), bound('lte', 'wwan0')]);
  for (const [uplink, origin] of origins) connections.add(uplink, origin);
  return connections;
}

describe('open direct connections are reset', () => {
  it('of one uplink and no others, when it may carry nothing any more', () => {
    const [first, gone, other] = [new Origin(), new Origin(), new Origin()];
    const connections = open(['lte', first], ['dsl', other]);
    connections.add('lte', gone)();
    connections.end('lte');
    connections.end('wifi');
    expect([first, gone, other].map(({ destroyed }) => destroyed)).toEqual([['reset'], [], []]);
  });

  it('when their uplink is gone, or bound otherwise, and not when its role has changed', () => {
    const [dsl, lte] = [new Origin(), new Origin()];
    const connections = open(['dsl', dsl], ['lte', lte]);
    connections.setUplinks([{ ...bound('lte', 'wwan0'), backup: true }, bound('dsl', 'eth1')]);
    expect([dsl.destroyed, lte.destroyed]).toEqual([['reset'], []]);
    connections.setUplinks([]);
    expect(lte.destroyed).toEqual(['reset']);
  });

  it('when their address or interface is gone, and not when it is merely interrupted', () => {
    const [stays, moved] = [new Origin('10.0.0.1'), new Origin('10.0.0.2')];
    const connections = open(['dsl', stays], ['dsl', moved]);
    const loss = { uplinkName: 'dsl', reason: 'as told' };
    connections.loseUplink({ ...loss, kind: 'interrupted' });
    connections.loseUplink({ ...loss, kind: 'moved', addresses: new Set(['10.0.0.2']) });
    expect([stays.destroyed, moved.destroyed]).toEqual([[], ['reset']]);
    connections.loseUplink({ ...loss, kind: 'gone' });
    expect(stays.destroyed).toEqual(['reset']);
  });
});
