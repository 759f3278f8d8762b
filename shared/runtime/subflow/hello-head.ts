import { missingHelloBytes, serverNameIn } from './client-hello.ts';

/**
 * The beginning of a connection, up to where the server name of its ClientHello is known. It may come byte by byte: it is looked at when the
 * rest may be there, and not each time, or a stranger could have all of it looked at thousands of times.
 */
export class HelloHead {
  readonly #nameIn: typeof serverNameIn;
  #bytes: Buffer = Buffer.alloc(0);
  #wantedBytes = 0;

  constructor(nameIn = serverNameIn) {
    this.#nameIn = nameIn;
  }

  /** All that has come. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** @returns whether the name is known, or that there is none */
  add(piece: Uint8Array): boolean {
    this.#bytes = Buffer.concat([this.#bytes, piece]);
    const { length } = this.#bytes;
    if (length < this.#wantedBytes) return false;
    if (this.#nameIn(this.#bytes) !== 'more') return true;
    this.#wantedBytes = length + missingHelloBytes(this.#bytes);
    return false;
  }
}
