import type { NameQuestion } from '../../shared/protocol/codec/name-question.ts';
import type { Destination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError, TributaryError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { type DirectConnection, type RaceParts, UplinkRace } from './uplink-race.ts';

/** Connects to destinations past the concentrator, each over the uplink that is expected to serve it best, or over another one that answers. */
export class BalancedDialer {
  readonly #options: RaceParts;
  /** Attempts that go on after another one has won, of all races. */
  readonly #late = { count: 0 };

  constructor(options: RaceParts) {
    this.#options = options;
  }

  /** Rejects as `DirectDialer` does, with the most telling of several errors; networkFailure where no uplink may be used. */
  async dial(
    destination: Destination,
    policy: StreamPolicy,
    signal: CancelSignal,
  ): Promise<DirectConnection> {
    const { balance } = this.#options;
    const host = destination.host.toLowerCase().replace(/\.$/, '');
    const placed = balance.begin(host, policy);
    if (placed.length === 0) throw new TributaryError('networkFailure', NO_UPLINK, 'ours');
    const race = new UplinkRace({ ...this.#options, placed, late: this.#late, destination, signal });
    const { connection, errors } = await race.run();
    if (connection === undefined) {
      if (signal.aborted) throw new StreamError('cancelled', 'the dial was given up');
      throw mostTelling(errors);
    }
    balance.connected(host, connection.uplinkName, policy);
    return connection;
  }

  /** What the name servers of the first uplink know that answers. Rejects as `dial`. */
  async resolve(
    question: NameQuestion,
    policy: StreamPolicy,
    signal: CancelSignal,
  ): Promise<readonly string[]> {
    const { balance, dialer } = this.#options;
    const errors: TributaryError[] = [];
    for (const { name } of balance.begin(question.of.toLowerCase(), policy)) {
      try {
        return await dialer.resolve(name, question, signal, 'public');
      } catch (error) {
        if (signal.aborted || !(error instanceof TributaryError)) throw error;
        errors.push(error);
      }
    }
    if (errors.length === 0) throw new TributaryError('networkFailure', NO_UPLINK, 'ours');
    throw mostTelling(errors);
  }
}

const NO_UPLINK = 'there is no uplink that may carry it directly: see uplinks, their caps, and the rules';

/** A refusal is an answer from the destination; that a network is unreachable may be so over one uplink alone. */
const MOST_TELLING_FIRST: readonly ErrorName[] = [
  'connectionRefused',
  'connectionReset',
  'nameNotFound',
  'notAuthorized',
  'resourceExceeded',
  'timedOut',
  'destinationUnreachable',
  'networkFailure',
];

function mostTelling(errors: readonly TributaryError[]): TributaryError {
  for (const code of MOST_TELLING_FIRST) {
    const found = errors.find((error) => error.code === code);
    if (found !== undefined) return found;
  }
  return errors[0]!;
}
