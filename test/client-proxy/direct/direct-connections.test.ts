import { expect, it } from 'vitest';
import { DirectConnections } from '../../../client-proxy/direct/direct-connections.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';

class Origin extends FakeAppSocket {
  readonly destroyed: string[] = [];
  override destroy(how = 'close'): void {
    this.destroyed.push(how);
  }
}

it('the open direct connections of one uplink are reset, and no others', () => {
  const connections = new DirectConnections();
  const [open, gone, other] = [new Origin(), new Origin(), new Origin()];
  connections.add('lte', open);
  connections.add('lte', gone)();
  connections.add('dsl', other);
  connections.end('lte');
  connections.end('wifi');
  expect([open, gone, other].map(({ destroyed }) => destroyed)).toEqual([['reset'], [], []]);
});
