import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import dns from 'node:dns';
import { isIPv4, type Socket } from 'node:net';
import type { Destination } from '../../shared/protocol/destination.ts';
import { parseHostPort } from '../../shared/runtime/address/host-port.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { type TimeLimit, withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import type { DnsChannel, DnsRecord, DnsTransport, DnsTries } from '../../shared/runtime/dns/dns-channels.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { bindToInterface } from '../../shared/runtime/kernel/socket-options.ts';
import { connectOverInterface } from '../uplink/uplink-interface.ts';
import {
  type DnsAnswer,
  type DnsQuestion,
  type DnsType,
  decodeAnswer,
  encodeQuestion,
} from './dns-message.ts';

const DNS_PORT = 53;
const MAX_ID = 0x1_0000;

export interface InterfaceDnsOptions extends DnsTries {
  readonly interface: string;
  /** As `address` or `address:port`. */
  readonly servers: readonly string[];
  readonly native: NativeSockets;
}

/** Asks name servers over one network interface and no other. */
export class OverInterface implements DnsTransport {
  readonly name: string;
  readonly #interface: string;
  readonly #native: NativeSockets;

  constructor(name: string, native: NativeSockets) {
    this.name = `interface ${name}`;
    this.#interface = name;
    this.#native = native;
  }

  open(servers: readonly string[], tries: DnsTries): DnsChannel {
    return new InterfaceDns({ interface: this.#interface, native: this.#native, servers, ...tries });
  }
}

/**
 * Asks name servers over one network interface, whatever the routing table prefers, which c-ares cannot: over UDP, and over TCP
 * where an answer is too long for that (RFC 1035 section 4.2). It stands in for c-ares, with the same calls and error codes.
 */
export class InterfaceDns implements DnsChannel {
  readonly #options: InterfaceDnsOptions;
  /** Of all that is asked now. */
  #cancellation = new Cancellation();

  constructor(options: InterfaceDnsOptions) {
    this.#options = options;
  }

  cancel(): void {
    this.#cancellation.abort(failed(dns.CANCELLED));
    this.#cancellation = new Cancellation();
  }

  resolve4(name: string): Promise<readonly DnsRecord[]> {
    return this.#resolve(name, 'A');
  }

  resolve6(name: string): Promise<readonly DnsRecord[]> {
    return this.#resolve(name, 'AAAA');
  }

  async #resolve(name: string, type: DnsType): Promise<readonly DnsRecord[]> {
    const { servers, firstTryMs, tries } = this.#options;
    const signal = this.#cancellation;
    let failure: string = dns.TIMEOUT;
    for (let round = 0; round < tries; round++) {
      for (const server of servers) {
        const question = { id: randomInt(MAX_ID), name, type };
        const limit = { timeoutMs: firstTryMs * 2 ** round, signal };
        const answer = await this.#ask(question, addressOf(server), limit).catch(codeOf);
        signal.throwIfAborted();
        if (typeof answer === 'string') failure = answer;
        else if (answer.code === NO_SUCH_NAME) throw failed(dns.NOTFOUND);
        else if (answer.code !== 0) failure = dns.SERVFAIL;
        else if (answer.records.length === 0) throw failed(dns.NODATA);
        else return answer.records;
      }
    }
    throw failed(failure);
  }

  async #ask(question: DnsQuestion, server: Destination, limit: TimeLimit): Promise<DnsAnswer> {
    const answer = await withTimeLimit('a name server', limit, (signal) =>
      this.#askByUdp(question, server, signal),
    );
    if (!answer.isTruncated) return answer;
    return withTimeLimit('a name server', limit, (signal) => this.#askByTcp(question, server, signal));
  }

  #askByUdp(question: DnsQuestion, { host, port }: Destination, signal: CancelSignal): Promise<DnsAnswer> {
    const { native, interface: device } = this.#options;
    const family = isIPv4(host) ? 4 : 6;
    const descriptor = native.openUdp(family);
    try {
      bindToInterface(native, descriptor, device);
    } catch (error) {
      native.close(descriptor);
      throw error;
    }
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    return new Promise<DnsAnswer>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort);
      socket.on('error', reject);
      socket.on('message', (message) => {
        const answer = decodeAnswer(message, question);
        if (answer !== undefined) resolve(answer);
      });
      socket.bind({ fd: descriptor, exclusive: true }, () => {
        // Connected, it hears that server alone, and learns when nobody listens there.
        socket.connect(port, host, (error?: Error) => {
          if (error) reject(error);
          else socket.send(encodeQuestion(question), (error) => error && reject(error));
        });
      });
    }).finally(() => socket.close());
  }

  async #askByTcp(question: DnsQuestion, server: Destination, signal: CancelSignal): Promise<DnsAnswer> {
    const { native, interface: device } = this.#options;
    const socket = await connectOverInterface(device, device, server, signal, native);
    const giveUp = () => socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', giveUp);
    try {
      const message = encodeQuestion(question);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      socket.write(Buffer.concat([length, message]));
      const answer = decodeAnswer(await readMessage(socket), question);
      if (answer !== undefined) return answer;
      throw failed(dns.BADRESP);
    } finally {
      signal.removeEventListener('abort', giveUp);
      socket.on('error', () => {});
      socket.destroy();
    }
  }
}

const NO_SUCH_NAME = 3;

function addressOf(server: string): Destination {
  return parseHostPort(server) ?? { host: server.replace(/^\[(.*)\]$/, '$1'), port: DNS_PORT };
}

/** In c-ares' terms. */
function codeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? dns.BADRESP;
  return code === 'ETIMEDOUT' ? dns.TIMEOUT : code;
}

function failed(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** One message behind its length of two bytes, so 64 KiB at most. */
function readMessage(socket: Socket): Promise<Buffer> {
  let received: Buffer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const end = received.length < 2 ? Number.POSITIVE_INFINITY : 2 + received.readUInt16BE();
      if (received.length >= end) resolve(received.subarray(2, end));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(failed(dns.BADRESP)));
  });
}
