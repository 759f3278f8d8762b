import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { readApplicant } from './applicant.ts';
import type { SessionRegistry } from './session-registry.ts';

export interface SubflowAdmissionOptions {
  /** The key of a client; undefined for one that is not known. */
  keyOf(clientId: string): Uint8Array | undefined;
  readonly sessions: Pick<SessionRegistry, 'admit'>;
  /** How a handshake ended. */
  onResult(result: 'hello' | 'join' | ErrorName): void;
  readonly logger: LineLog;
  /** Connections that have not yet said who they are; 512 where absent. At the bound the oldest gives way. */
  readonly maxApplicants?: number;
}

/** A client needs a moment, so that so many at once are strangers for the most part. */
const MAX_APPLICANTS = 512;

/** Lets subflows in: asks each connection that has done TLS who it is, and hands it to the sessions. */
export class SubflowAdmission {
  readonly #options: SubflowAdmissionOptions;
  readonly #maxApplicants: number;
  /** Connections that have not yet said who they are, the oldest first. */
  readonly #applicants = new Set<SubflowTransport>();

  constructor(options: SubflowAdmissionOptions) {
    this.#options = options;
    this.#maxApplicants = options.maxApplicants ?? MAX_APPLICANTS;
  }

  /** Never rejects. @param leftMs what is left of the time for the handshake */
  async admit(transport: SubflowTransport, leftMs: number): Promise<void> {
    const { keyOf, sessions, onResult, logger } = this.#options;
    const remote = transport.remoteAddress;
    this.#makeRoom();
    this.#applicants.add(transport);
    try {
      const applicant = await readApplicant(transport, keyOf, leftMs);
      const result = sessions.admit(applicant);
      onResult(result);
      logger.debug({ remote, result }, 'subflow handshake');
    } catch (error) {
      // Already closed where it was refused, but not after an internal error.
      transport.destroy();
      onResult(error instanceof TributaryError ? error.code : 'internalError');
      logger.info({ remote, reason: (error as Error).message }, 'subflow refused');
    } finally {
      this.#applicants.delete(transport);
    }
  }

  /** Disconnects all that have not yet said who they are. */
  close(): void {
    for (const transport of this.#applicants) transport.destroy();
  }

  /** The oldest gives way, not the newest: strangers who keep silent do not lock the others out. */
  #makeRoom(): void {
    const [oldest] = this.#applicants;
    if (oldest === undefined || this.#applicants.size < this.#maxApplicants) return;
    // Now, not when it has closed: more may come by then, and each must cost another one.
    this.#applicants.delete(oldest);
    oldest.destroy();
  }
}
