import type { Logger } from 'pino';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { TributaryError } from '../../shared/protocol/errors.ts';
import type { ConnectRequest } from '../socks5/connect-request.ts';
import type { RuleSet } from './rule-set.ts';
import { type SteeredStream, SteeredStreams } from './steered-streams.ts';
import { type SteeringAction, type SteeringConfig, uplinksNamed } from './steering-rule.ts';

export interface SteeringOptions {
  readonly rules: RuleSet;
  /** The names of the uplinks that there are now. */
  readonly uplinkNames: () => readonly string[];
  readonly logger: Pick<Logger, 'debug' | 'warn'>;
  /** Opens a stream. */
  openStream(request: ConnectRequest, steered: SteeredStream): void;
  /** Connects past the concentrator. */
  openDirect(request: ConnectRequest, uplink: string, onFailed: (error: TributaryError) => void): void;
  onDecision(kind: SteeringAction['kind']): void;
}

/** Has each request of an application treated as the rules say, and open streams follow when the rules change. */
export class Steering {
  readonly #options: SteeringOptions;
  readonly #streams = new SteeredStreams();
  /** By uplink, the last failure of a direct connection that is ours to mend: said once, not for each connection. */
  readonly #warned = new Map<string, string>();
  #rules: RuleSet;
  /** Uplinks that rules name and that are not there, as last told. */
  #missing: readonly string[] = [];

  constructor(options: SteeringOptions) {
    this.#options = options;
    this.#rules = options.rules;
  }

  /** What the rules of now were made from. */
  get config(): SteeringConfig {
    return this.#rules.config;
  }

  /** Treats a request: it is answered in any case. */
  serve(request: ConnectRequest): void {
    const action = this.#rules.decide(request);
    this.#options.onDecision(action.kind);
    switch (action.kind) {
      case 'steer':
        this.#options.openStream(request, this.#streams.begin(request, action.policy));
        return;
      case 'direct':
        this.#options.openDirect(request, action.uplink, (error) =>
          this.#onDirectFailed(action.uplink, request, error),
        );
        return;
      case 'block':
        this.#options.logger.debug(
          { destination: formatDestination(request.destination) },
          'blocked by a steering rule',
        );
        request.fail('notAuthorized');
    }
  }

  /**
   * Other rules, for new requests and open streams at once.
   * @returns how many streams were steered anew
   */
  reload(rules: RuleSet): number {
    this.#rules = rules;
    this.checkUplinks();
    return this.#streams.follow((subject) => rules.decide(subject));
  }

  /** Other uplinks may be there: says which of those that rules name are not, once for each that goes missing. */
  checkUplinks(): void {
    const present = this.#options.uplinkNames();
    const missing = uplinksNamed(this.config).filter((name) => !present.includes(name));
    const isNews = missing.some((name) => !this.#missing.includes(name));
    this.#missing = missing;
    if (!isNews) return;
    this.#options.logger.warn(
      { missing, present },
      'steering names uplinks that are not there: nothing goes over them until they are',
    );
  }

  #onDirectFailed(uplink: string, { destination }: ConnectRequest, error: TributaryError): void {
    const where = formatDestination(destination);
    // The same for each destination, and without it: whoever wants to read destinations in the log asks for details.
    const reason = withoutDestinations(error.message.replaceAll(where, OTHER_END));
    const isNews = error.fault === 'ours' && this.#warned.get(uplink) !== reason;
    if (error.fault === 'ours') this.#warned.set(uplink, reason);
    const { logger } = this.#options;
    if (isNews) logger.warn({ uplink, reason }, 'no direct connection');
    logger.debug({ uplink, reason: error.message, destination: where }, 'no direct connection');
  }
}

const OTHER_END = 'the destination';

/** The name that was asked for has become an address by the time that it is connected to. */
function withoutDestinations(message: string): string {
  return message.replaceAll(/\[[\da-f:.]+\]:\d+|\b\d+\.\d+\.\d+\.\d+:\d+/gi, OTHER_END);
}
