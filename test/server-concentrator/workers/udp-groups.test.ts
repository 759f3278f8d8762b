import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { openUdpGroups } from '../../../server-concentrator/workers/udp-groups.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { UdpSockets } from '../../../shared/runtime/udp/udp-sockets.ts';

const { native } = loadNative();

it.skipIf(native === undefined).each([1, 2, 5])(
  'gives each packet to the worker that its first byte tells, of %i',
  async (count) => {
    // A port that is free, for the moment.
    const probe = createSocket('udp4').bind(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    probe.close();
    const groups = openUdpGroups(native!, { hosts: ['127.0.0.1'], own: ['127.0.0.2'], port, count });
    const got: string[] = [];
    const sockets = new UdpSockets(native);
    const open = await Promise.all(
      groups.flatMap((own, worker) =>
        own.map(({ host, descriptor }) =>
          sockets.adopt(descriptor, {
            family: 4,
            host,
            handlers: { onDatagram: (payload) => got.push(`${host} ${worker} ${payload[0]! % count}`) },
          }),
        ),
      ),
    );
    expect(groups.map((own) => own.map(({ host }) => host))).toEqual(
      Array.from({ length: count }, () => ['127.0.0.1', '127.0.0.2']),
    );
    const sender = createSocket('udp4');
    const sent = 60;
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      for (let i = 0; i < sent; i++) sender.send(Buffer.of(i * 4 + 3, 1, 2, 3), port, host);
    }
    await expect.poll(() => got.length).toBe(2 * sent);
    for (const one of got) expect(one).toMatch(/^\S+ (\d) \1$/);
    sender.close();
    for (const socket of open) socket.close();
  },
);

it.skipIf(native === undefined)('leaves no socket where one of the addresses cannot be had', async () => {
  const taken = createSocket('udp4').bind(0, '127.0.0.2');
  await once(taken, 'listening');
  const { port } = taken.address();
  const hosts = ['127.0.0.1', '127.0.0.2'];
  expect(() => openUdpGroups(native!, { hosts, own: [], port, count: 2 })).toThrow('EADDRINUSE');
  const free = createSocket('udp4').bind(port, '127.0.0.1');
  await once(free, 'listening');
  // An address that may be left out is.
  const groups = openUdpGroups(native!, { hosts: ['127.0.0.3'], own: ['127.0.0.2'], port, count: 2 });
  expect(groups.map((own) => own.map(({ host }) => host))).toEqual([['127.0.0.3'], ['127.0.0.3']]);
  for (const { descriptor } of groups.flat()) native!.close(descriptor);
  free.close();
  taken.close();
});
