import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { listeningUser } from '../../../client-proxy/transparent/listening-user.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (address: string, state: string, user: number) =>
  `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 ${user}        0 1204 1 0 100 0 0 10 0\n`;

const IPV4 = { host: '0.0.0.0', port: 12345 };
const IPV6 = { host: '::', port: 12345 };

it.each([
  ['one listens', [IPV4], line('00000000:3039', '0A', 997), '', 997],
  [
    'one listens for both families',
    [IPV4, IPV6],
    line('00000000:3039', '0A', 997),
    line(`${'0'.repeat(32)}:3039`, '0A', 997),
    997,
  ],
  ['another port', [IPV4], line('00000000:3038', '0A', 997), '', undefined],
  ['a connection, and no listener', [IPV4], line('00000000:3039', '01', 997), '', undefined],
  ['the other family', [IPV6], line('00000000:3039', '0A', 997), '', undefined],
  [
    'two users',
    [IPV4, IPV6],
    line('00000000:3039', '0A', 997),
    line(`${'0'.repeat(32)}:3039`, '0A', 0),
    undefined,
  ],
])('%s', async (_, points, tcp, tcp6, expected) => {
  const read = (file: string) => Promise.resolve(HEAD + (file.endsWith('6') ? tcp6 : tcp));
  expect(await listeningUser(points, read)).toBe(expected);
});

it('nobody is known where the kernel does not tell', async () => {
  expect(await listeningUser([IPV4], () => Promise.reject(new Error('ENOENT')))).toBeUndefined();
});

it.runIf(process.platform === 'linux')('this process is known by its own port', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  expect(await listeningUser([{ host: '127.0.0.1', port }])).toBe(process.getuid?.());
  server.close();
});
