import { once } from 'node:events';
import { connect } from 'node:net';
import pino from 'pino';
import { expect, it } from 'vitest';
import { OwnConnections } from '../../../client-proxy/transparent/own-connections.ts';
import {
  TransparentListener,
  type TransparentListenerOptions,
} from '../../../client-proxy/transparent/transparent-listener.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { PeerWatch } from '../../../shared/runtime/app/peer-watch.ts';
import { loadNative, NativeSocketError } from '../../../shared/runtime/kernel/native.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';
import { needs } from '../../support/needs.ts';
import { freePort } from '../../support/ports.ts';

const cleanUp = useCleanups();
const clock = () => performance.now();

function listener(changes: Partial<TransparentListenerOptions>) {
  const native = loadNative();
  const listener = new TransparentListener({
    settings: { listen: [{ host: '127.0.0.1', port: 1 }], sniff: true, udp: true, maxConnections: 10 },
    concentrators: {
      addresses: [
        { host: 'vps.example.org', port: 8443 },
        { host: '203.0.113.5', port: 443 },
      ],
    },
    knownAddresses: (name) => (name === 'vps.example.org' ? ['198.51.100.7', '2001:db8::7'] : []),
    ownAddresses: () => ['127.0.0.1'],
    ownConnections: new OwnConnections(),
    wantsName: () => false,
    onRequest: () => {},
    native,
    appPool: new BlockPool(clock),
    peers: new PeerWatch({
      keepAliveMs: 60_000,
      stallTimeoutMs: 60_000,
      lingerMs: 60_000,
      native: native.native,
      clock,
      onLost: () => {},
    }),
    watch: { hasDescriptor: () => true, onAcceptFailed: () => {} },
    clock,
    logger: pino({ enabled: false }),
    ...changes,
  });
  cleanUp(() => listener.stopListening());
  return listener;
}

it('does not start where the kernel cannot be asked, and says why', async () => {
  const one = listener({ native: { reason: 'koffi is not installed' } });
  await expect(one.start()).rejects.toThrow(
    'cannot serve redirected connections (transparent.listen): koffi is not installed',
  );
});

it.each([
  ['by its address', '203.0.113.5', 443, 1],
  ['by what its name is known to stand for', '198.51.100.7', 8443, 1],
  ['of IPv6', '2001:db8:0::7', 8443, 1],
  ['not at another port', '203.0.113.5', 22, 0],
  ['not another machine', '198.51.100.8', 8443, 0],
])('knows the concentrator: %s', (_, host, port, loops) => {
  const { server } = listener({});
  server.handle(
    Object.assign(new FakeAppSocket(), {
      remoteAddress: '127.0.0.1',
      originalDestination: () => ({ host, port }),
    }),
  );
  expect(server.counters.loop).toBe(loops);
});

it('listens at each address or at none', needs('libc'), async () => {
  const free = await freePort();
  const points = [free, free].map((port) => ({ host: '127.0.0.1', port }));
  const one = listener({ settings: { listen: points, sniff: true, udp: true, maxConnections: 10 } });
  await expect(one.start()).rejects.toThrow(/cannot listen on .* \(transparent\.listen\)/);
  const refused = connect(free, '127.0.0.1');
  const [error] = await once(refused, 'error');
  expect(error.code).toBe('ECONNREFUSED');
});

it('serves where it may not take connections to other addresses', needs('libc'), async () => {
  const native = loadNative().native!;
  const port = await freePort();
  const log: string[] = [];
  const one = listener({
    logger: pino({ level: 'info' }, { write: (line: string) => log.push(line) }),
    settings: { listen: [{ host: '127.0.0.1', port }], sniff: true, udp: true, maxConnections: 10 },
    native: {
      native: {
        ...native,
        setOption: () => {
          throw new NativeSocketError('setsockopt', 1);
        },
      },
    },
  });
  await one.start();
  expect(JSON.parse(log[0]!)).toMatchObject({ listen: [`127.0.0.1:${port}`], tproxy: false });
  const client = connect(port, '127.0.0.1');
  // Nothing has redirected it.
  const [error] = await once(client, 'error');
  expect(error.code).toBe('ECONNRESET');
  expect(one.server.counters.loop).toBe(1);
});
