import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import { speaksOurVersion } from '../../shared/protocol/handshake/concentrator-handshake.ts';
import { FairPlaces } from '../../shared/runtime/admission/fair-places.ts';
import type { ProvenSources } from '../../shared/runtime/admission/proven-sources.ts';
import { type Source, sourceOf } from '../../shared/runtime/admission/source.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import { errorWords } from '../../shared/runtime/text/error-words.ts';
import { type Applicant, readApplicant, refuse } from './applicant.ts';
import type { Passing } from './passing.ts';
import type { SessionRegistry } from './session-registry.ts';

export interface SubflowAdmissionOptions {
  /** The keys of a client; none for one that is not known. */
  keysOf(clientId: string): readonly Uint8Array[];
  /** Why a client that has proven its key may not come in, in words, if it may not. */
  whyNot(clientId: string): string | undefined;
  readonly sessions: Pick<SessionRegistry, 'admit'>;
  /** Answers a client whose connection is to be for measurements, and no part of a session. */
  measure(applicant: Applicant, clientId: string): 'measurement' | ErrorName;
  /** Where connections go whose sessions other processes have; absent: there are none. */
  readonly passing?: Passing | undefined;
  /** Learns where clients have proven their keys from. */
  readonly proven: Pick<ProvenSources, 'has' | 'add'>;
  /** How a handshake ended. */
  onResult(result: 'hello' | 'join' | 'measurement' | 'relayed' | ErrorName): void;
  /** Others needed the place of an applicant: it got none, or lost the one that it had. */
  onCrowded(outcome: 'refused' | 'displaced', remote: string): void;
  readonly clock: MonotonicClock;
  /** Strangers make these lines. */
  readonly logger: LineLog;
  /** Connections that have not yet said who they are; 512 where absent. All sources have fair shares of them. */
  readonly maxApplicants?: number;
}

/** A client needs a moment, so that so many at once are strangers for the most part. */
const MAX_APPLICANTS = 512;

/** Lets subflows in: asks each connection that has done TLS who it is, and hands it to the sessions. */
export class SubflowAdmission {
  readonly #options: SubflowAdmissionOptions;
  /** Connections that have not yet said who they are. */
  readonly #applicants: FairPlaces<SubflowTransport>;

  constructor(options: SubflowAdmissionOptions) {
    this.#options = options;
    const { clock, maxApplicants: total = MAX_APPLICANTS } = options;
    this.#applicants = new FairPlaces({ clock, total });
  }

  /** Never rejects. @param leftMs what is left of the time for the handshake */
  async admit(transport: SubflowTransport, leftMs: number): Promise<void> {
    const { clock, keysOf, whyNot, sessions, measure, proven, onResult, logger } = this.#options;
    const untilMs = clock() + leftMs;
    const remote = transport.remoteAddress;
    const source = sourceOf(remote);
    try {
      if (!this.#enter(transport, source)) throw new TributaryError('resourceExceeded', CROWDED, 'ours');
      const applicant = await readApplicant(transport, keysOf, leftMs);
      const clientId = clientIdOf(applicant);
      proven.add(clientId, source);
      const refusal = whyNot(clientId);
      if (refusal !== undefined) {
        refuse(applicant, 'notAuthorized');
        onResult('notAuthorized');
        logger.info({ remote, client: clientId, reason: refusal }, 'subflow refused');
        return;
      }
      const others = await this.#place(applicant, untilMs - clock());
      const result =
        others === undefined
          ? 'relayed'
          : isMeasurement(applicant)
            ? measure(applicant, clientId)
            : sessions.admit(applicant, others);
      onResult(result);
      logger.debug({ remote, result }, 'subflow handshake');
    } catch (error) {
      // Already closed where it was refused, but not after an internal error.
      transport.destroy();
      onResult(error instanceof TributaryError ? error.code : 'internalError');
      logger.info({ remote, reason: errorWords(error) }, 'subflow refused');
    } finally {
      this.#applicants.leave(transport);
    }
  }

  /** Disconnects all that have not yet said who they are. */
  close(): void {
    for (const transport of [...this.#applicants.guests]) transport.destroy();
  }

  /** Sessions that other processes have; undefined where one of these has taken the connection. */
  async #place(applicant: Applicant, leftMs: number): Promise<number | undefined> {
    const { passing } = this.#options;
    return passing === undefined ? 0 : passing.pass(applicant, leftMs);
  }

  /** False where others needed the place. */
  #enter(transport: SubflowTransport, source: Source): boolean {
    const { proven, onCrowded } = this.#options;
    const leaving = this.#applicants.enter(transport, { source, isProven: proven.has(source) });
    if (leaving === undefined) return true;
    onCrowded(leaving === transport ? 'refused' : 'displaced', leaving.remoteAddress);
    leaving.destroy();
    return leaving !== transport;
  }
}

const CROWDED = 'too many connections of this source have not said who they are';

function clientIdOf({ request }: Applicant): string {
  return request.kind === 'hello' ? request.hello.clientId : request.join.clientId;
}

function isMeasurement({ request }: Applicant): boolean {
  return request.kind === 'hello' && request.hello.isMeasurement === true && speaksOurVersion(request.hello);
}
