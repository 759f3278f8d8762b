import type { Socket as UdpSocket } from 'node:dgram';
import dns from 'node:dns';
import { isIPv4, type Socket } from 'node:net';
import type { Destination } from '../../protocol/destination.ts';
import { Cancellation, type CancelSignal } from '../async/cancellation.ts';
import { withTimeLimit } from '../async/time-limit.ts';
import { type DnsAnswer, type DnsQuestion, decodeAnswer, encodeQuestion } from './dns-message.ts';
import type { DnsWay } from './dns-way.ts';

export interface ServerQueryOptions {
  readonly question: DnsQuestion;
  readonly server: Destination;
  readonly way: DnsWay;
  /** It has answered; called once. */
  onAnswer(answer: DnsAnswer): void;
  /** It cannot be asked just now: the code of Node's error, or of c-ares'. It may be asked again. */
  onFailure(code: string): void;
  /** Something came from there that is no answer to the question. The right answer may still come. */
  onNonsense(): void;
}

/**
 * One question to one name server: over UDP, and over TCP where the answer is too long for that (RFC 1035 section 4.2). A socket
 * of its own, connected, with a port by chance: only that server is heard, and others cannot easily answer in its place.
 */
export class ServerQuery {
  readonly #options: ServerQueryOptions;
  readonly #cancellation = new Cancellation();
  #socket: UdpSocket | undefined;
  #isOpening = false;
  #isOverTcp = false;

  constructor(options: ServerQueryOptions) {
    this.#options = options;
  }

  /** Asks, or asks again. */
  send(): void {
    if (this.#isOpening) return;
    if (this.#socket === undefined) void this.#open();
    else this.#sendOver(this.#socket);
  }

  /** Nobody waits for the answer any more. */
  close(): void {
    this.#cancellation.abort();
    this.#closeSocket();
  }

  async #open(): Promise<void> {
    const { server, way } = this.#options;
    this.#isOpening = true;
    try {
      const socket = await way.openUdp(isIPv4(server.host) ? 4 : 6);
      if (this.#cancellation.aborted) {
        socket.close();
        return;
      }
      this.#socket = socket;
      socket.on('error', (error) => this.#fail(error));
      socket.on('message', (message) => this.#onMessage(message));
      await connected(socket, server);
      this.#sendOver(socket);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isOpening = false;
    }
  }

  #sendOver(socket: UdpSocket): void {
    if (socket !== this.#socket || this.#isOverTcp) return;
    socket.send(encodeQuestion(this.#options.question), (error) => {
      if (error && socket === this.#socket) this.#fail(error);
    });
  }

  #onMessage(message: Buffer): void {
    const { question, onAnswer, onNonsense } = this.#options;
    if (this.#isOverTcp) return;
    const answer = decodeAnswer(message, question);
    if (answer === undefined) onNonsense();
    else if (answer.isTruncated) void this.#askByTcp(answer);
    else onAnswer(answer);
  }

  /** @param truncated what is known already */
  async #askByTcp(truncated: DnsAnswer): Promise<void> {
    const { question, server, way, onAnswer } = this.#options;
    const signal = this.#cancellation;
    this.#isOverTcp = true;
    try {
      const exchange = (until: CancelSignal) => exchangeByTcp(way, server, encodeQuestion(question), until);
      const message =
        truncated.records.length > 0
          ? await withTimeLimit('an answer by TCP', { timeoutMs: TCP_LIMIT_MS, signal }, exchange)
          : await exchange(signal);
      const answer = decodeAnswer(message, question);
      if (answer === undefined || isEmpty(answer)) throw failed(dns.BADRESP);
      if (!signal.aborted) onAnswer(answer);
    } catch (error) {
      this.#isOverTcp = false;
      if (signal.aborted) return;
      // A part is better than nothing: each of the addresses is a good one.
      if (truncated.records.length > 0) onAnswer(truncated);
      else this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#cancellation.aborted) return;
    this.#closeSocket();
    const { code = dns.BADRESP } = error as NodeJS.ErrnoException;
    this.#options.onFailure(code === 'ETIMEDOUT' ? dns.TIMEOUT : code);
  }

  #closeSocket(): void {
    this.#socket?.removeAllListeners('message');
    // What is under way may still fail.
    this.#socket?.on('error', () => {});
    this.#socket?.close();
    this.#socket = undefined;
  }
}

const LENGTH_BYTES = 2;
/**
 * Firewalls that know DNS by UDP alone drop it by TCP; then what came by UDP is used. Where nothing came, there is nothing to be
 * gained by less patience than the caller has: others are asked meanwhile.
 */
const TCP_LIMIT_MS = 1_500;

/** Cut off before the first record: that is not to say that there is none. */
function isEmpty({ isTruncated, records }: DnsAnswer): boolean {
  return isTruncated && records.length === 0;
}

/** Connected, a socket hears its server alone, and learns when nobody listens there. */
function connected(socket: UdpSocket, { host, port }: Destination): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.connect(port, host, (error?: Error) => (error ? reject(error) : resolve()));
  });
}

function failed(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Asks over a connection of its own. Rejects with the system's error, or the signal's reason. */
async function exchangeByTcp(
  way: DnsWay,
  server: Destination,
  message: Buffer,
  signal: CancelSignal,
): Promise<Buffer> {
  const socket = await way.connectTcp(server, signal);
  const giveUp = () => socket.destroy(signal.reason as Error);
  signal.addEventListener('abort', giveUp);
  try {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
    return await readMessage(socket);
  } finally {
    signal.removeEventListener('abort', giveUp);
    socket.on('error', () => {});
    socket.destroy();
  }
}

/** One message behind its length of two bytes, so 64 KiB at most. */
function readMessage(socket: Socket): Promise<Buffer> {
  let received: Buffer = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const end =
        received.length < LENGTH_BYTES ? Number.POSITIVE_INFINITY : LENGTH_BYTES + received.readUInt16BE();
      if (received.length >= end) resolve(received.subarray(LENGTH_BYTES, end));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(failed(dns.BADRESP)));
  });
}
