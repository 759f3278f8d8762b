import { isDeepStrictEqual } from 'node:util';
import type { ClientIdentity } from '../../shared/protocol/handshake/client-handshake.ts';
import type { CertificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import type { ConfiguredConcentrator } from '../config/client-config.ts';

/** By what client and concentrator know each other. Subflows that are made later than a change use what is new. */
export class SessionSecrets {
  #configured: ConfiguredConcentrator;

  constructor(configured: ConfiguredConcentrator) {
    this.#configured = configured;
  }

  /** As it was configured last. */
  get configured(): ConfiguredConcentrator {
    return this.#configured;
  }

  /** Who this client is. */
  get identity(): ClientIdentity {
    return this.#configured.client;
  }

  /** The certificates of which the concentrator must show one. */
  get pins(): readonly CertificatePin[] {
    return this.#configured.concentrator.pins;
  }

  /** Whether it is the same concentrator, and the same client: another key or other pins can be taken over then. */
  isOf(configured: ConfiguredConcentrator): boolean {
    return isDeepStrictEqual(ownerOf(configured), ownerOf(this.#configured));
  }

  /** Another key, other pins. @returns whether this client has another key now */
  replace(configured: ConfiguredConcentrator): boolean {
    const { key } = this.#configured.client;
    this.#configured = configured;
    return !isDeepStrictEqual(configured.client.key, key);
  }
}

function ownerOf({ client, concentrator: { addresses, serverName } }: ConfiguredConcentrator): unknown {
  return [client.id, addresses, serverName];
}
