/*
 * Addresses that applications ask for, on the network of support/namespaces.ts: the concentrator has no route to the IPv6 Internet.
 */
import { expect, test } from 'vitest';
import { SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import { SOCKS } from './support/pair.ts';
import { describeSystem } from './support/system.ts';

/** Says argv[2] (hex) to the SOCKS port at argv[1] behind the greeting, and prints the reply, and what comes behind it within a second. */
const ASK = `
  const [host, port] = process.argv[1].split(':');
  const socket = require('node:net').connect(Number(port), host);
  let bytes = Buffer.alloc(0);
  socket.write(Buffer.from('050100' + process.argv[2], 'hex'));
  const end = (how) => { console.log(bytes.subarray(2, 4).toString('hex') + ' ' + how); process.exit(); };
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    if (bytes.length >= 12) setTimeout(end, 1000, 'open');
  });
  socket.on('end', () => end('ended'));
  socket.on('error', ({ code }) => end(code));`;

/** CONNECT to 2606:2800:220:1:248:1893:25c8:1946 port 443. */
const TO_IPV6 = '05010004260628000220000102481893 25c8194601bb'.replace(' ', '');

const paths = [{ name: 'wan0', downMbps: 40, upMbps: 40 }];

describeSystem(
  'an address of a family that the concentrator lacks',
  { paths, congestionControl: 'cubic' },
  (system) => {
    const ask = async (request: string) =>
      (await system().network.client.exec(process.execPath, ['-e', ASK, SOCKS, request])).trim();

    test('is refused each time, also on ports whose success is promised', async () => {
      const { pair, network } = system();
      const { v4, v6 } = network.origin.address;
      const ports = [443, 8080];
      await pair.amend(pair.concentratorFile, { egress: { allow: [`${v4}/32`, `${v6}/128`] } });
      await pair.amend(pair.clientFile, { socks: { listen: SOCKS, optimisticReply: { ports } } });
      await pair.start();
      const refused = `050${SOCKS_REPLY.networkUnreachable} ended`;
      for (let i = 0; i < 3; i++) expect(await ask(TO_IPV6)).toBe(refused);

      // The family that it has is served, and promised from then on; the other one is not.
      const toOrigin = `05010001${Buffer.from(v4.split('.').map(Number)).toString('hex')}1f90`;
      expect(await ask(toOrigin)).toBe('0500 open');
      expect(await ask(`05010001${'7f000063'}01bb`)).toMatch(/^0500 (ECONNRESET|ended)/);
      expect(await ask(TO_IPV6)).toBe(refused);
    });
  },
);
