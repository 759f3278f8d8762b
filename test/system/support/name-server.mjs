/**
 * A name server (RFC 1035) for the system tests: `node name-server.mjs ADDRESS NAME=IPV4...`. It answers A queries for these
 * names on UDP port 53, AAAA queries for them with nothing, and all others with NXDOMAIN.
 *
 * Lines of stdout: `ready`; `A NAME FROM` and `AAAA NAME FROM` for each query.
 */
import { createSocket } from 'node:dgram';

const [address, ...entries] = process.argv.slice(2);
const addresses = new Map(entries.map((entry) => entry.split('=')));
const TTL_SECONDS = 1;

const socket = createSocket('udp4');
socket.on('message', (query, from) => {
  const labels = [];
  let at = 12;
  for (; query[at] > 0; at += 1 + query[at])
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  const name = labels.join('.').toLowerCase();
  const type = query.readUInt16BE(at + 1) === 28 ? 'AAAA' : 'A';
  process.stdout.write(`${type} ${name} ${from.address}\n`);
  const found = addresses.get(name);
  const answers = found !== undefined && type === 'A' ? [record(found)] : [];
  const reply = Buffer.concat([query.subarray(0, at + 5), ...answers]);
  reply.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
  reply.writeUInt16BE(answers.length, 6);
  reply.writeUInt32BE(0, 8);
  socket.send(reply, from.port, from.address);
});
socket.bind(53, address, () => process.stdout.write('ready\n'));

function record(ipv4) {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16BE(0xc00c, 0); // the question's name
  bytes.writeUInt16BE(1, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt32BE(TTL_SECONDS, 6);
  bytes.writeUInt16BE(4, 10);
  bytes.set(ipv4.split('.').map(Number), 12);
  return bytes;
}
