import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';

/** What the name server says to a query: addresses, no such name, an error of its own, or nothing at all. */
export type NameServerReply =
  | { readonly addresses: readonly string[]; readonly ttlSeconds?: number; readonly delayMs?: number }
  | 'nxdomain'
  | 'servfail'
  | 'silence';

export interface NameServer {
  readonly address: string;
  /** The queries so far, as `A name` or `AAAA name`. */
  readonly queries: string[];
  close(): void;
}

/** A DNS server (RFC 1035) on a loopback port that answers A and AAAA queries. */
export async function startNameServer(
  reply: (type: 'A' | 'AAAA', name: string) => NameServerReply,
): Promise<NameServer> {
  const socket = createSocket('udp4');
  const queries: string[] = [];
  socket.on('message', (query: Buffer, from: RemoteInfo) => {
    const { name, end } = readName(query, 12);
    const type = query.readUInt16BE(end) === 28 ? 'AAAA' : 'A';
    queries.push(`${type} ${name}`);
    const answer = reply(type, name);
    if (answer === 'silence') return;
    const send = () => socket.send(message(query.subarray(0, end + 4), answer), from.port, from.address);
    if (typeof answer === 'object' && answer.delayMs) setTimeout(send, answer.delayMs);
    else send();
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { address: `127.0.0.1:${socket.address().port}`, queries, close: () => socket.close() };
}

function readName(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function message(question: Buffer, reply: Exclude<NameServerReply, 'silence'>): Buffer {
  const addresses = typeof reply === 'object' ? reply.addresses : [];
  const header = Buffer.from(question);
  const responseCode = reply === 'nxdomain' ? 3 : reply === 'servfail' ? 2 : 0;
  header.writeUInt16BE(0x8180 | responseCode, 2);
  header.writeUInt16BE(addresses.length, 6);
  header.writeUInt16BE(0, 10);
  const ttlSeconds = typeof reply === 'object' ? (reply.ttlSeconds ?? 60) : 0;
  return Buffer.concat([header, ...addresses.map((address) => record(address, ttlSeconds))]);
}

function record(address: string, ttlSeconds: number): Buffer {
  const data = address.includes(':') ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number));
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name: a pointer to the question's
  head.writeUInt16BE(data.length === 16 ? 28 : 1, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttlSeconds, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::').map((part) => part);
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const zeros = Array(8 - groups(head).length - groups(tail).length).fill('0');
  const all = address.includes('::') ? [...groups(head), ...zeros, ...groups(tail)] : groups(address);
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
