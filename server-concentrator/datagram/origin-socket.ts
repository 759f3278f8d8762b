import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { errnoName } from '../../shared/runtime/app/origin-failure.ts';
import type { NativeSockets } from '../../shared/runtime/kernel/native.ts';
import { reportUdpErrors, takeUdpErrors } from '../../shared/runtime/kernel/udp-errors.ts';

/** An address and port that datagrams come from or go to. */
export interface Remote {
  /** As the kernel writes it. */
  readonly address: string;
  readonly port: number;
}

/** Why a datagram that was to be sent was not. */
export type SendDrop = 'busy' | 'too-long' | 'send-failed';

export interface OriginSocketHandlers {
  /** The payload is the receiver's. */
  onDatagram(payload: Uint8Array, from: Remote): void;
  /** Nothing can be sent there, by this machine or by what an ICMP message said. */
  onUnreachable(to: Remote, error: ErrorName): void;
  onDropped(reason: SendDrop): void;
}

export interface OriginSocketOptions extends OriginSocketHandlers {
  /** Without it the socket never hears of ICMP messages. */
  readonly native: NativeSockets | undefined;
  onClosed(): void;
}

/** The UDP socket of an association in one address family. It receives from everywhere: who may send is for the caller to say. */
export class OriginSocket {
  readonly #socket: Socket;
  readonly #options: OriginSocketOptions;
  /** Where errors are asked for; undefined where they cannot be. */
  #descriptor: number | undefined;
  #isClosed = false;

  /** @throws the system's error */
  constructor(family: 4 | 6, options: OriginSocketOptions) {
    this.#options = options;
    // Addresses are given as addresses, so nothing needs to be looked up, and everything happens at once.
    this.#socket = createSocket({
      type: family === 4 ? 'udp4' : 'udp6',
      ipv6Only: true,
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      lookup: (address, _options, found) => found(null, address, family),
    });
    let failure: Error | undefined;
    const onFailure = (error: Error) => {
      failure = error;
    };
    this.#socket.once('error', onFailure);
    this.#bind(family);
    this.#socket.off('error', onFailure);
    if (failure !== undefined) throw failure;
    this.#socket.on('message', (payload, from) => this.#onMessage(payload, from));
    this.#socket.on('error', () => this.#takeErrors());
  }

  /** Sends, or tells the handlers why not, now or later. */
  send(payload: Uint8Array, to: Remote): void {
    if (this.#isClosed) return;
    if (this.#socket.getSendQueueSize() > MAX_QUEUED_BYTES) this.#options.onDropped('busy');
    else this.#send(payload, to, false);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
    this.#options.onClosed();
  }

  #bind(family: 4 | 6): void {
    const { native } = this.#options;
    if (native === undefined) {
      this.#socket.bind({ address: ANY[family], port: 0, exclusive: true });
      return;
    }
    const descriptor = native.openUdp(family);
    try {
      reportUdpErrors(native, descriptor, family);
      native.bind(descriptor, ANY[family]);
    } catch (error) {
      native.close(descriptor);
      throw error;
    }
    this.#descriptor = descriptor;
    this.#socket.bind({ fd: descriptor, exclusive: true });
  }

  #onMessage(payload: Uint8Array, { address, port }: RemoteInfo): void {
    if (!this.#isClosed) this.#options.onDatagram(payload, { address, port });
  }

  #send(payload: Uint8Array, to: Remote, isAgain: boolean): void {
    this.#socket.send(payload, to.port, to.address, (error) => {
      if (error && !this.#isClosed) this.#onSendError(error, payload, to, isAgain);
    });
  }

  #onSendError(error: NodeJS.ErrnoException, payload: Uint8Array, to: Remote, isAgain: boolean): void {
    // The kernel tells an error that an earlier datagram had, maybe to elsewhere, in place of sending this one.
    const isOfAnother = this.#takeErrors() && !isAgain;
    if (this.#isClosed) return;
    if (isOfAnother) this.#send(payload, to, true);
    else if (error.code === 'EMSGSIZE') this.#options.onDropped('too-long');
    else {
      this.#options.onDropped('send-failed');
      const name = errnoName(error.code);
      if (name !== undefined && ENDS_A_FLOW.has(name)) this.#options.onUnreachable(to, name);
    }
  }

  /** What ICMP messages have said. While something waits there, the kernel wakes the process up for it. @returns whether there was any */
  #takeErrors(): boolean {
    const { native } = this.#options;
    if (native === undefined || this.#descriptor === undefined || this.#isClosed) return false;
    const errors = takeUdpErrors(native, this.#descriptor);
    for (const { code, ...to } of errors) {
      const name = errnoName(code);
      if (name !== undefined && ENDS_A_FLOW.has(name) && !this.#isClosed)
        this.#options.onUnreachable(to, name);
    }
    return errors.length > 0;
  }
}

const ANY = { 4: '0.0.0.0', 6: '::' } as const;
/** Some milliseconds of a fast download over QUIC. The kernel gives what it allows (net.core.rmem_max), and by default less. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** The kernel takes what is sent at once, unless the interface is busy. What waits then is late already. */
const MAX_QUEUED_BYTES = 256 * 1024;

/** After these nothing reaches the other end. Others, such as a packet that is too long, concern one datagram. */
const ENDS_A_FLOW: ReadonlySet<ErrorName> = new Set([
  'connectionRefused',
  'destinationUnreachable',
  'networkFailure',
  'notAuthorized',
]);
