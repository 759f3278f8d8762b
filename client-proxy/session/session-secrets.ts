import { isDeepStrictEqual } from 'node:util';
import type { ClientIdentity } from '../../shared/protocol/handshake/client-handshake.ts';
import type { CertificatePin } from '../../shared/runtime/identity/certificate-pin.ts';
import type { ClientConfig } from '../config/client-config.ts';

type SecretConfig = Pick<ClientConfig, 'client' | 'concentrator'>;

/** By what client and concentrator know each other. Subflows that are made later than a change use what is new. */
export class SessionSecrets {
  #config: SecretConfig;

  constructor(config: SecretConfig) {
    this.#config = config;
  }

  /** Who this client is. */
  get identity(): ClientIdentity {
    return this.#config.client;
  }

  /** The certificates of which the concentrator must show one. */
  get pins(): readonly CertificatePin[] {
    return this.#config.concentrator.pins;
  }

  /**
   * Another key, other pins. Those of another client or concentrator are not taken: its name or addresses wait for a restart.
   * @returns whether this client has another key now
   */
  replace(config: SecretConfig): boolean {
    if (!isDeepStrictEqual(ownerOf(config), ownerOf(this.#config))) return false;
    const { key } = this.#config.client;
    this.#config = config;
    return !isDeepStrictEqual(config.client.key, key);
  }
}

function ownerOf({ client, concentrator: { addresses, serverName } }: SecretConfig): unknown {
  return [client.id, addresses, serverName];
}
