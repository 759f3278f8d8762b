import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { TributaryError } from '../../shared/protocol/errors.ts';
import type { StreamPolicy } from '../../shared/protocol/steering/steering-policy.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { ConnectRequest } from '../front/connect-request.ts';
import { cheapestFirst } from '../schedule/cost.ts';
import type { DatagramDecision, DirectChoice, DirectReason } from './datagram-decision.ts';
import { directFailureWords } from './direct-failure-words.ts';
import type { RuleSet, SteeringSubject } from './rule-set.ts';
import {
  type DecidedAction,
  type Decision,
  type OpenStream,
  type SteeredRequest,
  type SteeredStream,
  SteeredStreams,
} from './steered-streams.ts';
import {
  type ConcentratorWish,
  type ConfiguredPolicy,
  type DirectAction,
  describePolicy,
  goesByCost,
  resolvePolicy,
  type SteeringAction,
  type SteeringConfig,
  type SteeringRule,
  uplinksNamed,
} from './steering-rule.ts';

/** Told why there is no direct connection, unless the application has gone or this program is at fault. */
export type OnDirectFailed = (error: TributaryError) => void;

export interface SteeringOptions {
  readonly rules: RuleSet;
  /** Those that there are now, and what a gigabyte over each costs. */
  readonly uplinks: () => readonly { readonly name: string; readonly costPerGB?: number }[];
  readonly wallClock: WallClock;
  readonly logger: Pick<Logger, 'debug' | 'info' | 'warn'>;
  /** Opens a stream. */
  openStream(request: ConnectRequest, steered: SteeredStream): void;
  /** Connects past the concentrator. */
  openDirect(
    request: ConnectRequest,
    action: DirectAction,
    choice: DirectChoice,
    onFailed: OnDirectFailed,
  ): void;
  /** Why streams go past the concentrator now, over whichever uplinks their policies allow; undefined where they do not. */
  readonly whyDirect: () => DirectReason | undefined;
  /** Connects so. */
  openBalanced(
    request: ConnectRequest,
    policy: StreamPolicy,
    choice: DirectChoice,
    onFailed: OnDirectFailed,
  ): void;
  onDecision(kind: SteeringAction['kind']): void;
  /** Requests may be treated otherwise from now on. */
  onRulesChanged(): void;
  /** What is open is to be steered by the rules and the costs of now. */
  onResteered(): void;
}

/** Has each request of an application treated as the rules say, and open streams follow when the rules change. */
export class Steering {
  readonly #options: SteeringOptions;
  readonly #streams: SteeredStreams;
  /** By uplink, the last failure of a direct connection that is ours to mend: said once, not for each connection. */
  readonly #warned = new Map<string, string>();
  #rules: RuleSet;
  /** The names of the uplinks, the cheapest first, where the rules go by cost. */
  #cheapestFirst: readonly string[] = [];
  /** Policies as they are now, by those of the configuration. */
  #resolved = new Map<ConfiguredPolicy, StreamPolicy>();
  /** Uplinks that rules name and that are not there, as last told. */
  #missing: readonly string[] = [];

  constructor(options: SteeringOptions) {
    this.#options = options;
    this.#streams = new SteeredStreams(options.wallClock);
    this.#rules = options.rules;
    this.#rules.onTime(options.wallClock());
    this.#reviewCosts();
  }

  /** What the rules of now were made from. */
  get config(): SteeringConfig {
    return this.#rules.config;
  }

  /** The streams of applications. */
  get open(): readonly OpenStream[] {
    return this.#streams.open;
  }

  /** The rule that decides now; undefined: the default does. */
  ruleOf(subject: SteeringSubject): SteeringRule | undefined {
    return this.#rules.choose(subject).rule;
  }

  /** Whether the name behind a destination that is an address matters to the rules of now. */
  wantsName(subject: SteeringSubject): boolean {
    return this.#rules.wantsName(subject);
  }

  /** Treats a request: it is answered in any case. */
  serve(request: ConnectRequest): void {
    const { action, rule } = this.#decide(request);
    this.#options.onDecision(action.kind);
    switch (action.kind) {
      case 'steer': {
        const reason = this.#whyDirect(action);
        if (reason === undefined)
          this.#options.openStream(request, this.#streams.begin(request, action.policy, rule));
        else this.connectDirectly(request, action.policy, reason);
        return;
      }
      case 'direct':
        this.#options.openDirect(request, action, { reason: 'rule', rule }, (error) =>
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

  /** Whether what the rules do not send elsewhere goes past the concentrator now. */
  get isDirect(): boolean {
    return this.#options.whyDirect() !== undefined;
  }

  /** What happens now to datagrams of an application. */
  decideDatagram(subject: SteeringSubject): DatagramDecision {
    const { action } = this.#decide({ ...subject, protocol: 'udp' });
    if (action.kind === 'direct') return { kind: 'direct', route: action };
    if (action.kind === 'block') return action;
    const reason = this.#whyDirect(action);
    if (reason === undefined) return action;
    return { kind: 'direct', route: { kind: 'balanced', policy: action.policy, reason } };
  }

  /** Steers the stream of a connection that an application expects; undefined where a rule blocks it, or has it go past the concentrator. */
  steerExpected(request: SteeredRequest): SteeredStream | undefined {
    const { action, rule } = this.#decide(request);
    return action.kind === 'steer' ? this.#streams.begin(request, action.policy, rule) : undefined;
  }

  /** Steers the stream of a visitor, by its own policy or by the default: rules are about what applications ask for. */
  steerInbound(policy?: ConfiguredPolicy): SteeredStream {
    return this.#streams.beginInbound(() => this.#resolve(policy ?? this.config.default));
  }

  /** Connects a request past the concentrator, as its policy says of uplinks. It is answered in any case. */
  connectDirectly(request: ConnectRequest, policy: StreamPolicy, reason: DirectReason): void {
    const { rule } = this.#decide(request);
    this.#options.openBalanced(request, policy, { reason, rule }, (error) =>
      this.#onDirectFailed(BALANCED, request, error),
    );
  }

  /** How the connections are steered for which no rule says otherwise, and how many rules hold now, for people. */
  get described(): { readonly default: string; readonly holding: number } {
    const policy = this.config.default;
    const resolved = describePolicy(this.#resolve(policy));
    const isByCost = goesByCost({ default: policy, datagrams: policy, rules: [] });
    return { default: isByCost ? `${resolved} (by cost)` : resolved, holding: this.#rules.holdingCount };
  }

  /**
   * Other rules, for new requests and open streams at once.
   * @returns how many streams were steered anew
   */
  reload(rules: RuleSet): number {
    this.#rules = rules;
    rules.onTime(this.#options.wallClock());
    this.#reviewCosts();
    this.#tellMissing();
    this.#options.onRulesChanged();
    return this.#resteer();
  }

  /** Time has passed, or there are other uplinks: open streams follow where other rules hold, or others are the cheapest. */
  review(): void {
    this.#tellMissing();
    const haveRulesChanged = this.#rules.onTime(this.#options.wallClock());
    if (haveRulesChanged) this.#options.onRulesChanged();
    if (!this.#reviewCosts() && !haveRulesChanged) return;
    const resteered = this.#resteer();
    this.#options.logger.info(
      { resteered, rules: this.#rules.holdingCount, cheapestFirst: this.#cheapestFirst },
      haveRulesChanged
        ? 'steering: other rules hold at this time'
        : 'steering: other uplinks are the cheapest',
    );
  }

  /** Why what a rule steers goes past the concentrator now; undefined where it does not. */
  #whyDirect({ concentrator }: { readonly concentrator?: ConcentratorWish }): DirectReason | undefined {
    const reason = this.#options.whyDirect();
    // What only one concentrator may take does not go past all of them; without any there is no such rule.
    return concentrator?.isOnly === true && reason !== 'mode' ? undefined : reason;
  }

  /** @returns whether the order of cost is another one */
  #reviewCosts(): boolean {
    const order = goesByCost(this.config) ? cheapestFirst(this.#options.uplinks()) : [];
    const isNews = !isDeepStrictEqual(order, this.#cheapestFirst);
    this.#cheapestFirst = order;
    this.#resolved = new Map();
    return isNews;
  }

  /** @returns how many streams were steered anew */
  #resteer(): number {
    this.#options.onResteered();
    return this.#streams.follow((subject) => this.#decide(subject));
  }

  #decide(subject: SteeringSubject): Decision {
    const { action, rule } = this.#rules.choose(subject);
    const decided: DecidedAction =
      action.kind === 'steer' ? { ...action, policy: this.#resolve(action.policy) } : action;
    return rule === undefined ? { action: decided } : { action: decided, rule };
  }

  /** The same object for the same policy until something changes. */
  #resolve(policy: ConfiguredPolicy): StreamPolicy {
    const known = this.#resolved.get(policy) ?? resolvePolicy(policy, this.#cheapestFirst);
    this.#resolved.set(policy, known);
    return known;
  }

  /** Says which of the uplinks that rules name are not there, once for each that goes missing. */
  #tellMissing(): void {
    const present = this.#options.uplinks().map(({ name }) => name);
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
    const reason = directFailureWords(error, destination);
    const isNews = error.fault === 'ours' && this.#warned.get(uplink) !== reason;
    if (error.fault === 'ours') this.#warned.set(uplink, reason);
    const { logger } = this.#options;
    if (isNews) logger.warn({ uplink, reason }, 'no direct connection');
    const fields = { uplink, reason: error.message, destination: formatDestination(destination) };
    logger.debug(fields, 'no direct connection');
  }
}

/** In place of the name of an uplink. */
const BALANCED = 'any';
