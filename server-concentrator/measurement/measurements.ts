import { type ErrorName, StreamError } from '../../shared/protocol/errors.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import { readKernelSettings } from '../../shared/runtime/doctor/kernel-settings.ts';
import { writeMeasurementFacts } from '../../shared/runtime/doctor/measurement-facts.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import type { ConcentratorLimits } from '../config/concentrator-config.ts';
import type { LimitHits } from '../limits/limit-hits.ts';
import { TokenBuckets } from '../limits/token-buckets.ts';
import { type Applicant, refuse } from '../session/applicant.ts';
import { MeasurementConnection } from './measurement-connection.ts';
import { SpeedSocket } from './speed-socket.ts';

export interface MeasurementsOptions {
  readonly limits: Pick<ConcentratorLimits, 'measurementBytesPerHour'>;
  /** How often a client may say HELLO or JOIN. */
  readonly joins: TokenBuckets;
  readonly limitHits: Pick<LimitHits, 'note'>;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly version: string;
  /** While they drain the concentrator is about to end, and no new measurement is answered. */
  readonly sessions: { readonly isDraining: boolean };
}

/** Sixteen uplinks whose silence is measured over four times at once would be many; `doctor` measures one uplink at a time. */
const MAX_MEASUREMENTS_PER_CLIENT = 16;
const MAX_MEASUREMENTS = 256;
/** One is under load, one asks how long the answer takes, and those of a test that was given up may end a little later. */
const MAX_STREAMS_PER_CLIENT = 8;

/**
 * The measurements of all clients: connections for measurements, which are no sessions (SPEC.md section 5, Measurements), and streams
 * of sessions (section 6, Speed). What a client may exchange holds for both together.
 */
export class Measurements {
  readonly #options: MeasurementsOptions;
  readonly #allowances: TokenBuckets;
  readonly #open = new Map<MeasurementConnection, string>();
  /** How many each client has. */
  readonly #streams = new Map<string, number>();

  constructor(options: MeasurementsOptions) {
    this.#options = options;
    const { limits, clock } = options;
    const { measurementBytesPerHour: bytesPerHour } = limits;
    this.#allowances = new TokenBuckets({ perSecond: bytesPerHour / 3_600, burst: bytesPerHour }, clock);
  }

  /** Answers a client that asks for a measurement. @returns how it went, for the metrics */
  admit(applicant: Applicant, clientId: string): 'measurement' | ErrorName {
    const { transport, handshake } = applicant;
    if (this.#options.sessions.isDraining) {
      refuse(applicant, 'goingAway');
      return 'goingAway';
    }
    if (!this.#hasRoomFor(clientId)) {
      refuse(applicant, 'resourceExceeded');
      return 'resourceExceeded';
    }
    const measurement = {
      allowanceBytes: Math.floor(this.#allowances.of(clientId).available),
      facts: this.#factsFor(transport),
    };
    const none = { token: NO_TOKEN, maxStreams: 0, firstWindowBytes: 0, lingerMs: 0 };
    transport.write([handshake.welcome({ ...none, measurement })]);
    this.#add(applicant, clientId);
    return 'measurement';
  }

  /** What is joined with a client's stream that measures. Throws StreamError where the client may measure no more now. */
  openStream(clientId: string): AppSocket {
    const { limitHits } = this.#options;
    if (this.#allowances.of(clientId).available < 1) {
      limitHits.note('measurementBytesPerHour', clientId);
      throw new StreamError('notAuthorized', 'this client may measure no more now');
    }
    const count = this.#streams.get(clientId) ?? 0;
    if (count >= MAX_STREAMS_PER_CLIENT) {
      limitHits.note('measurements', clientId);
      throw new StreamError('resourceExceeded', 'too many measurements at a time');
    }
    this.#streams.set(clientId, count + 1);
    return new SpeedSocket({
      take: (bytes) => {
        const isAllowed = this.#allowances.of(clientId).tryTake(bytes);
        if (!isAllowed) limitHits.note('measurementBytesPerHour', clientId);
        return isAllowed;
      },
      onClosed: () => this.#onStreamClosed(clientId),
    });
  }

  close(): void {
    for (const measurement of [...this.#open.keys()]) measurement.close();
  }

  #add(applicant: Applicant, clientId: string): void {
    const { limitHits } = this.#options;
    const measurement: MeasurementConnection = new MeasurementConnection(
      {
        transport: applicant.transport,
        allowance: { tryTake: (bytes) => this.#allowances.of(clientId).tryTake(bytes) },
        onExceeded: () => limitHits.note('measurementBytesPerHour', clientId),
        onOver: () => void this.#open.delete(measurement),
      },
      applicant.takeRest(),
    );
    this.#open.set(measurement, clientId);
  }

  #onStreamClosed(clientId: string): void {
    const left = (this.#streams.get(clientId) ?? 0) - 1;
    if (left > 0) this.#streams.set(clientId, left);
    else this.#streams.delete(clientId);
  }

  #hasRoomFor(clientId: string): boolean {
    const { joins, limitHits } = this.#options;
    if (!joins.of(clientId).tryTake()) {
      limitHits.note('joinsPerSecond', clientId);
      return false;
    }
    const own = [...this.#open.values()].filter((owner) => owner === clientId).length;
    if (own < MAX_MEASUREMENTS_PER_CLIENT && this.#open.size < MAX_MEASUREMENTS) return true;
    limitHits.note('measurements', clientId);
    return false;
  }

  #factsFor({ remoteAddress, congestionControl }: SubflowTransport): string {
    const { wallClock, version } = this.#options;
    return writeMeasurementFacts({
      version,
      timeMs: wallClock(),
      seenAddress: remoteAddress,
      congestionControl,
      settings: readKernelSettings(),
    });
  }
}

const NO_TOKEN = new Uint8Array(16);
