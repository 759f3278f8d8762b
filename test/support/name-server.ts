import type { RemoteInfo } from 'node:dgram';
import type { Socket } from 'node:net';
import { sharedPort } from './ports.ts';

/** What the name server says to a query: addresses, an error, what is no answer to it, or nothing at all. */
export type NameServerReply =
  | {
      readonly addresses: readonly string[];
      readonly ttlSeconds?: number;
      readonly delayMs?: number;
      /** The addresses come over TCP alone. */
      readonly isTruncated?: boolean;
    }
  | keyof typeof RESPONSE_CODES
  /** It does not know the name, and asks nobody. */
  | 'referral'
  | 'other id'
  | 'other question'
  | 'damaged'
  | 'silence';

const RESPONSE_CODES = { formerr: 1, servfail: 2, nxdomain: 3, notimp: 4, refused: 5 };

export interface NameServer {
  readonly address: string;
  /** The queries so far, as `A name` or `AAAA name`. */
  readonly queries: string[];
  close(): void;
}

/** A DNS server (RFC 1035) on a loopback port, UDP and TCP, that answers A and AAAA queries, and PTR ones by `namesOf`. */
export async function startNameServer(
  reply: (type: 'A' | 'AAAA', name: string) => NameServerReply,
  namesOf: (name: string) => readonly string[] = () => [],
): Promise<NameServer> {
  const { port, tcp, udp } = await sharedPort();
  let isOpen = true;
  const queries: string[] = [];
  const answerTo = (query: Buffer, isTcp: boolean, send: (answer: Buffer) => void) => {
    const { name, end } = readName(query, 12);
    const isReverse = query.readUInt16BE(end) === PTR;
    const type = query.readUInt16BE(end) === 28 ? 'AAAA' : 'A';
    queries.push(`${isReverse ? 'PTR' : type} ${name}${isTcp ? ' by TCP' : ''}`);
    if (isReverse) {
      send(pointers(query.subarray(0, end + 4), namesOf(name)));
      return;
    }
    const answer = reply(type, name);
    if (answer === 'silence') return;
    const bytes = message(query.subarray(0, end + 4), answer, isTcp);
    if (typeof answer === 'object' && answer.delayMs) setTimeout(send, answer.delayMs, bytes);
    else send(bytes);
  };
  const onUdp = (query: Buffer, from: RemoteInfo) =>
    answerTo(query, false, (answer) => void (isOpen && udp.send(answer, from.port, from.address)));
  tcp.on('connection', (socket) => onTcp(socket, (query, send) => answerTo(query, true, send)));
  udp.on('message', onUdp);
  const close = () => {
    isOpen = false;
    udp.close();
    tcp.close();
  };
  return { address: `127.0.0.1:${port}`, queries, close };
}

/** One query, which comes in one piece; the answer goes in two. */
function onTcp(socket: Socket, answerTo: (query: Buffer, send: (answer: Buffer) => void) => void): void {
  socket.on('error', () => {}).on('end', () => socket.end());
  socket.once('data', (bytes: Buffer) => {
    answerTo(bytes.subarray(2), (answer) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(length.subarray(0, 1));
      setTimeout(() => socket.write(Buffer.concat([length.subarray(1), answer])), 10);
    });
  });
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

function message(question: Buffer, reply: Exclude<NameServerReply, 'silence'>, isTcp: boolean): Buffer {
  const isCut = typeof reply === 'object' && reply.isTruncated === true && !isTcp;
  const addresses = typeof reply === 'object' && !isCut ? reply.addresses : [];
  const header = Buffer.from(question);
  const responseCode = Object.entries(RESPONSE_CODES).find(([name]) => name === reply)?.[1] ?? 0;
  header.writeUInt16BE((reply === 'referral' ? 0x8100 : 0x8180) | responseCode | (isCut ? 0x0200 : 0), 2);
  header.writeUInt16BE(reply === 'damaged' ? 3 : addresses.length, 6);
  header.writeUInt16BE(0, 10);
  if (reply === 'other id') header.writeUInt16BE(header.readUInt16BE() ^ 1);
  if (reply === 'other question') header.writeUInt8(header.readUInt8(13) ^ 1, 13);
  const ttlSeconds = typeof reply === 'object' ? (reply.ttlSeconds ?? 60) : 0;
  return Buffer.concat([header, ...addresses.map((address) => record(address, ttlSeconds))]);
}

const PTR = 12;

/** The names, each as one record; none: there is no such name. */
function pointers(question: Buffer, names: readonly string[]): Buffer {
  const header = Buffer.from(question);
  header.writeUInt16BE(0x8180 | (names.length === 0 ? RESPONSE_CODES.nxdomain : 0), 2);
  header.writeUInt16BE(names.length, 6);
  header.writeUInt16BE(0, 10);
  const records = names.map((name) => {
    const labels = name
      .split('.')
      .map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]));
    const data = Buffer.concat([...labels, Buffer.of(0)]);
    return Buffer.concat([Buffer.from([0xc0, 0x0c, 0, PTR, 0, 1, 0, 0, 0, 60, 0, data.length]), data]);
  });
  return Buffer.concat([header, ...records]);
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
