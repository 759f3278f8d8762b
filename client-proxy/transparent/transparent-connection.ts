import type { Destination } from '../../shared/protocol/destination.ts';
import type { OutgoingChunk } from '../../shared/protocol/memory/chunk.ts';
import type { ClientSocket } from '../front/client-socket.ts';
import { IGNORE_EVENTS } from '../front/closing.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { PendingRequest } from '../front/pending-request.ts';
import { heardName } from './heard-name.ts';

/** How listening for a name ended: by what it was told, or why it was not. */
export type NameResult =
  | 'tls'
  | 'http'
  /** What the application says has no name in it, or none that can be read. */
  | 'none'
  /** The application said too little in time: it waits for the server's first word. */
  | 'silent';

interface TransparentConnectionOptions {
  /** Where the application meant to connect. */
  readonly destination: Destination;
  /** Whether to listen for a name first. */
  readonly wantsName: boolean;
  onName(result: NameResult): void;
  onRequest(request: ConnectRequest): void;
}

/** Who waits for the server to speak first notices nothing of so short a wait; who speaks first has spoken by then. */
export const NAME_WAIT_MS = 300;
/** A ClientHello with post-quantum keys, a ticket and padding takes a quarter; the largest that TLS libraries send fits. */
export const MAX_NAME_BYTES = 16 * 1024;

/**
 * Leads a connection that was redirected here to a `ConnectRequest`: at once, or when the application has been heard to name
 * the server. What it says meanwhile goes on to the server as it is.
 */
export class TransparentConnection {
  readonly #socket: ClientSocket;
  readonly #options: TransparentConnectionOptions;
  readonly #timer: NodeJS.Timeout | undefined;
  #said: Uint8Array[] = [];
  /** Absent while a name is listened for. */
  #pending: PendingRequest | undefined;

  /** Starts at once. */
  constructor(socket: ClientSocket, options: TransparentConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setHandlers({
      onChunk: (chunk) => this.#hear(chunk),
      onEnd: () => {
        // It has finished sending and may still want an answer.
        socket.keepEnd();
        this.#go('none');
      },
      onDrain: () => {},
      onClose: () => this.#onClosed(),
    });
    socket.resume();
    if (options.wantsName) this.#timer = setTimeout(() => this.#go('silent'), NAME_WAIT_MS);
    else this.#ask();
  }

  #hear(chunk: OutgoingChunk): void {
    this.#said.push(new Uint8Array(chunk.bytes));
    chunk.release();
    // One piece from now on, so that many small ones are not put together again and again.
    if (this.#said.length > 1) this.#said = [Buffer.concat(this.#said)];
    const [said] = this.#said;
    const heard = heardName(said!);
    if (typeof heard === 'object') this.#go(heard.by, heard.name);
    else if (heard === 'none' || said!.length >= MAX_NAME_BYTES) this.#go('none');
  }

  #go(result: NameResult, name?: string): void {
    clearTimeout(this.#timer);
    this.#options.onName(result);
    this.#ask(name);
  }

  #ask(name?: string): void {
    const { destination, onRequest } = this.#options;
    const pending = new PendingRequest(destination);
    this.#pending = pending;
    // It stays where a close is noticed; FIN alone is no reason to give up, since an answer may be wanted.
    this.#socket.setHandlers({ ...IGNORE_EVENTS, onClose: () => this.#onClosed() });
    this.#socket.watch(() => {});
    onRequest({
      destination,
      ...(name === undefined ? {} : { name }),
      isConnected: true,
      earlyData: this.#said,
      socket: this.#socket,
      succeed: () => {
        if (pending.takeAnswer()) this.#socket.unwatch();
      },
      fail: () => {
        if (!pending.takeAnswer()) return;
        this.#socket.setHandlers(IGNORE_EVENTS);
        this.#socket.destroy('reset');
      },
      onAbandoned: (callback) => pending.onAbandoned(callback),
    });
  }

  /** Only while the handlers are still ours. */
  #onClosed(): void {
    clearTimeout(this.#timer);
    this.#pending?.abandon();
  }
}
