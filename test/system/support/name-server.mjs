/**
 * A name server (RFC 1035) for the system tests: `node name-server.mjs ADDRESS NAME=ADDRESS...`. It answers A and AAAA queries for
 * these names on UDP port 53 with their addresses of that family, if they have any, and all others with NXDOMAIN.
 *
 * Lines of stdout: `ready`; `A NAME FROM` and `AAAA NAME FROM` for each query.
 */
import { createSocket } from 'node:dgram';
import { isIPv4 } from 'node:net';

const [address, ...entries] = process.argv.slice(2);
const addresses = entries.map((entry) => entry.split('='));
const TTL_SECONDS = 1;

const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
socket.on('message', (query, from) => {
  const labels = [];
  let at = 12;
  for (; query[at] > 0; at += 1 + query[at])
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  const name = labels.join('.').toLowerCase();
  const type = query.readUInt16BE(at + 1) === 28 ? 'AAAA' : 'A';
  process.stdout.write(`${type} ${name} ${from.address}\n`);
  const found = addresses.filter(([known]) => known === name);
  const answers = found.filter(([, one]) => isIPv4(one) === (type === 'A')).map(([, one]) => record(one));
  const reply = Buffer.concat([query.subarray(0, at + 5), ...answers]);
  reply.writeUInt16BE(found.length === 0 ? 0x8183 : 0x8180, 2);
  reply.writeUInt16BE(answers.length, 6);
  reply.writeUInt32BE(0, 8);
  socket.send(reply, from.port, from.address);
});
socket.bind(53, address, () => process.stdout.write('ready\n'));

function record(address) {
  const data = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the question's name
  head.writeUInt16BE(data.length === 16 ? 28 : 1, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(TTL_SECONDS, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6Bytes(address) {
  const [head, tail = ''] = address
    .split('::')
    .map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array(8 - head.length - tail.length).fill('0');
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
