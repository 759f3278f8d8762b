import { randomBytes } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { TOKEN_BYTES } from '../../shared/protocol/codec/wire.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import { HandshakeGate, type HandshakeGateOptions } from '../../shared/runtime/subflow/handshake-gate.ts';
import type {
  SubflowListener,
  SubflowListenerOptions,
} from '../../shared/runtime/subflow/subflow-listener.ts';
import type { UdpSocket, UdpSocketOptions } from '../../shared/runtime/udp/udp-socket.ts';
import type { UdpSockets } from '../../shared/runtime/udp/udp-sockets.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';
import type { Applicant } from '../session/applicant.ts';
import type { Passing } from '../session/passing.ts';
import type { GivenConnection, Home, PrimaryCalls, WorkerCalls, WorkerStart } from './calls.ts';
import type { Channel } from './channel.ts';
import { listenForRelays, relay } from './relays.ts';
import { ToldClients } from './told-clients.ts';

/** What a concentrator does otherwise that is one of several processes. */
export class WorkerPlace implements Passing {
  readonly #start: WorkerStart;
  readonly #primary: Channel<WorkerCalls, PrimaryCalls>;
  readonly #secret: Uint8Array;
  /** The list of clients and their usage, as the first process tells them. */
  readonly clients: ToldClients;
  /** While it takes connections. */
  #open: { readonly gate: HandshakeGate; hasDescriptor(): boolean } | undefined;

  constructor(
    start: WorkerStart,
    primary: Channel<WorkerCalls, PrimaryCalls>,
    clients: readonly ClientEntry[],
    wallClock: WallClock,
  ) {
    this.clients = new ToldClients(primary, clients, wallClock);
    this.#start = start;
    this.#primary = primary;
    this.#secret = Buffer.from(start.secret, 'base64');
  }

  /** Takes connections from the first process, and from other workers. */
  async listen(
    options: HandshakeGateOptions & Pick<SubflowListenerOptions, 'hasDescriptor'>,
  ): Promise<SubflowListener> {
    const { index, relays, listen } = this.#start;
    const hasDescriptor = () => options.hasDescriptor?.() ?? true;
    const gate = new HandshakeGate(options);
    const server: Server = await listenForRelays(relays[index]!, this.#secret, (transport, leftMs) => {
      if (hasDescriptor()) options.onSubflow(transport, leftMs);
      else transport.destroy();
    });
    this.#open = { gate, hasDescriptor };
    return {
      addresses: () => listen,
      setIdentity: (identity) => gate.setIdentity(identity),
      close: () => {
        this.#open = undefined;
        server.close();
        gate.close();
      },
    };
  }

  /** A connection from the first process. It is refused where it comes too late, or few descriptors are left. */
  take(connection: GivenConnection, socket: Socket): void {
    if (this.#open?.hasDescriptor()) this.#open.gate.take({ ...connection, socket });
    else socket.resetAndDestroy();
  }

  /** Of all workers. */
  get count(): number {
    return this.#start.count;
  }

  /** Of a session that begins here: the first byte tells the worker. */
  newToken(): Uint8Array {
    return this.#marked(TOKEN_BYTES);
  }

  /** An id of a datagram connection: the kernel finds the worker's socket by its first byte. */
  newConnectionId(count: number): Uint8Array {
    return this.#marked(count);
  }

  async pass(applicant: Applicant, leftMs: number): Promise<number | undefined> {
    const { index, count, relays } = this.#start;
    const { request, transport } = applicant;
    const home: Home =
      request.kind === 'join'
        ? { worker: request.join.token[0]! % count, others: 0 }
        : await this.#askHome(request.hello.clientId);
    // What has been relayed belongs here, whatever has changed since.
    if (home.worker === index || transport.isRelayed) return home.others;
    // Its sessions may be lost: the client begins another one, where it would wait.
    if (await this.#isSilent(home.worker)) return home.others;
    const to = { path: relays[home.worker]!, secret: this.#secret };
    // A worker that takes none has no session yet: here nobody knows it either, and the client learns that at once.
    return (await relay(applicant, to, leftMs)) ? undefined : home.others;
  }

  async #askHome(clientId: string): Promise<Home> {
    try {
      const home = await this.#primary.ask('home', clientId);
      this.clients.onUsed(clientId, home.usedBytes);
      return home;
    } catch {
      // Without the first process this one ends as well.
      return { worker: this.#start.index, others: 0 };
    }
  }

  #isSilent(worker: number): Promise<boolean> {
    return this.#primary.ask('isSilent', worker).catch(() => false);
  }

  onProven(clientId: string, host: string): void {
    this.#primary.tell('proven', { clientId, host });
  }

  onSessions(clientId: string, change: 1 | -1): void {
    this.#primary.tell('sessions', { clientId, change });
  }

  /** Addresses for which it has UDP sockets. */
  get udpHosts(): readonly string[] {
    return this.#start.udp.map(({ host }) => host);
  }

  /** The UDP socket that the first process has bound to an address. Rejects where there is none. */
  async openUdp(sockets: UdpSockets, options: UdpSocketOptions): Promise<UdpSocket> {
    const given = this.#start.udp.find(({ host }) => host === options.host);
    if (given === undefined) throw Object.assign(new Error(NO_SOCKET), { code: 'EADDRNOTAVAIL' });
    return sockets.adopt(given.descriptor, options);
  }

  #marked(count: number): Uint8Array {
    const { index, count: workers } = this.#start;
    for (;;) {
      const bytes = randomBytes(count);
      if (bytes[0]! % workers === index) return bytes;
    }
  }
}

const NO_SOCKET = 'the first process has bound no UDP socket to this address';
