import { isDeepStrictEqual } from 'node:util';
import { formatDestination } from '../../shared/protocol/destination.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import type { PublicationId, PublishOutcome } from '../../shared/protocol/session/publications.ts';
import type { Visit } from '../../shared/protocol/session/stream-commands.ts';
import { AddressRanges } from '../../shared/runtime/address/address-ranges.ts';
import type { WallClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { hostFromAddressBytes } from '../front/requested-host.ts';
import type { SteeredStream } from '../steering/steered-streams.ts';
import type { ConfiguredPolicy } from '../steering/steering-rule.ts';
import type { InboundSide } from './inbound-side.ts';
import { serveInbound } from './inbound-stream.ts';
import { proxyHeader } from './proxy-header.ts';
import { type PublishedService, serviceText } from './published-service.ts';
import type { ServiceDialer } from './service-dialer.ts';

export interface PublisherOptions {
  readonly dialer: Pick<ServiceDialer, 'dial'>;
  /** How the stream of a visitor is steered: by this policy, or the default. */
  steer(policy: ConfiguredPolicy | undefined): SteeredStream;
  readonly stallTimeoutMs: number;
  /** Whether the process may use another descriptor. */
  hasDescriptor(): boolean;
  /** How the connection of a visitor began. */
  onResult(result: 'ok' | ErrorName): void;
  readonly wallClock: WallClock;
  readonly logger: LineLog;
}

/** `waiting`: for a session, or for the concentrator's answer. */
export const PUBLISHED_STATES = ['listening', 'refused', 'waiting'] as const;
type PublishedState = (typeof PUBLISHED_STATES)[number];

/** How a published service is now, for the status. */
export interface PublishedServiceReport {
  readonly listen: string;
  readonly to: string;
  readonly state: PublishedState;
  readonly reason: string;
  readonly since: string;
  readonly connections: number;
}

/** A service, with what has become of it. */
interface Entry {
  service: PublishedService;
  /** Of `service.allow`. */
  allow: AddressRanges;
  id: PublicationId | undefined;
  state: PublishedState;
  reason: string;
  sinceMs: number;
  connections: number;
  retry: NodeJS.Timeout | undefined;
}

/** Who waits for a single connection. */
export interface SingleVisitor {
  /** Where it is waited for; or that it is not, or no longer. */
  onPublished(outcome: PublishOutcome): void;
  /** It has come. The stream is to be accepted or refused. */
  onInbound(driver: SessionDriver, streamId: number, visit: Visit): void;
}

/** A publication, and whose it is. */
type Asked = { readonly generation: number } & (
  | { readonly entry: Entry; readonly single?: undefined }
  | { readonly single: SingleVisitor; readonly entry?: undefined }
);

/** What is refused is asked for again so often: the port may have become free, or allowed. */
const RETRY_MS = 30_000;
const NO_SESSION = 'no session with the concentrator';
const TOO_OLD = 'the concentrator is of a version that cannot publish ports: update it';

/** Publishes services at the concentrator, in each session anew, and serves their visitors. */
export class Publisher implements InboundSide {
  readonly #options: PublisherOptions;
  /** By place. */
  #entries = new Map<string, Entry>();
  /** The publications of the sessions that live, by slot. Those of earlier ones may have visitors under way. */
  readonly #asked = new Map<SessionDriver, Map<number, Asked>>();
  #current: { readonly driver: SessionDriver; readonly isOffered: boolean } | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** The services as they are now. */
  get all(): readonly PublishedServiceReport[] {
    return [...this.#entries].map(([listen, { service, state, reason, sinceMs, connections }]) => ({
      listen,
      to: serviceText(service.to),
      state,
      reason,
      since: new Date(sinceMs).toISOString(),
      connections,
    }));
  }

  /** These are published from now on. Connections of those that are gone go on. */
  configure(services: readonly PublishedService[]): void {
    const wanted = new Map(services.map((service) => [formatDestination(service.listen), service]));
    for (const [place, entry] of this.#entries) {
      if (!wanted.has(place)) this.#withdraw(entry);
    }
    const before = this.#entries;
    this.#entries = new Map();
    for (const [place, service] of wanted) {
      const known = before.get(place);
      this.#entries.set(place, known ?? this.#newEntry(service));
      if (known === undefined || isDeepStrictEqual(known.service, service)) continue;
      known.service = service;
      known.allow = new AddressRanges(service.allow);
    }
    for (const entry of this.#entries.values()) if (entry.id === undefined) this.#request(entry);
  }

  /**
   * Has the concentrator wait for one connection from a host.
   * @returns how to give it up; or why that is not possible: there is no session, or its concentrator cannot, or has too many to wait for
   */
  expectOne(
    host: string,
    single: SingleVisitor,
  ): (() => void) | 'uplinksLost' | 'unsupportedMessage' | 'resourceExceeded' {
    if (this.#current === undefined) return 'uplinksLost';
    const { driver, isOffered } = this.#current;
    if (!isOffered) return 'unsupportedMessage';
    const id = driver.input(({ publications }) => publications.request({ host, port: 0, once: true }));
    if (id === undefined) return 'resourceExceeded';
    const { slot, generation } = id;
    this.#asked.get(driver)!.set(slot, { generation, single });
    return () => {
      if (this.#asked.get(driver)?.get(slot)?.generation !== generation) return;
      this.#asked.get(driver)!.delete(slot);
      driver.input(({ publications }) => publications.withdraw(id));
    };
  }

  onSession(driver: SessionDriver, isOffered: boolean): void {
    this.#current = { driver, isOffered };
    this.#asked.set(driver, new Map());
    for (const entry of this.#entries.values()) {
      entry.id = undefined;
      this.#request(entry);
    }
  }

  onSessionEnded(driver: SessionDriver): void {
    const singles = [...(this.#asked.get(driver)?.values() ?? [])].flatMap(({ single }) => single ?? []);
    this.#asked.delete(driver);
    for (const single of singles) single.onPublished({ ok: false, error: 'uplinksLost', reason: NO_SESSION });
    if (this.#current?.driver !== driver) return;
    this.#current = undefined;
    for (const entry of this.#entries.values()) {
      entry.id = undefined;
      clearTimeout(entry.retry);
      this.#become(entry, 'waiting', NO_SESSION);
    }
  }

  onPublished(driver: SessionDriver, { slot, generation }: PublicationId, outcome: PublishOutcome): void {
    const asked = this.#asked.get(driver)?.get(slot);
    if (asked?.generation !== generation) return;
    if (asked.single !== undefined) {
      asked.single.onPublished(outcome);
      return;
    }
    if (asked.entry.id?.generation !== generation) return;
    const { entry } = asked;
    if (outcome.ok) this.#become(entry, 'listening', 'visitors are served');
    else this.#refused(entry, printable(outcome.reason));
  }

  onInbound(driver: SessionDriver, streamId: number, visit: Visit): void {
    const asked = this.#asked.get(driver)?.get(visit.slot);
    if (asked?.single !== undefined && asked.generation === visit.generation) {
      asked.single.onInbound(driver, streamId, visit);
      return;
    }
    const entry = asked?.generation === visit.generation ? asked.entry : undefined;
    const refusal = entry === undefined ? 'notAuthorized' : this.#whyNot(entry, visit);
    if (entry === undefined || refusal !== undefined) {
      this.#options.onResult(refusal ?? 'notAuthorized');
      driver.input(({ streams }) => streams.refuse(streamId, refusal ?? 'notAuthorized'));
      return;
    }
    this.#serve(entry, driver, streamId, visit);
  }

  /** No visitors any more, but those that are being served: the concentrator lets others wait for the next session. */
  goAway(): void {
    for (const { retry } of this.#entries.values()) clearTimeout(retry);
    if (this.#entries.size === 0) return;
    for (const driver of this.#asked.keys()) driver.input((session) => session.goAway('goingAway'));
  }

  #serve(entry: Entry, driver: SessionDriver, streamId: number, visit: Visit): void {
    const { dialer, steer, stallTimeoutMs, onResult, logger } = this.#options;
    const { service } = entry;
    entry.connections++;
    serveInbound({
      driver,
      streamId,
      connect: (signal) => dialer.dial(service.to, signal),
      ...(service.proxyProtocol === undefined ? {} : { greeting: proxyHeader(visit) }),
      steered: steer(service.policy),
      stallTimeoutMs,
      onResult: (result, reason) => {
        onResult(result);
        if (result === 'ok' || result === 'cancelled') return;
        logger.warn(
          { listen: formatDestination(service.listen), reason },
          'a published service is not there',
        );
      },
      onOver: () => {
        entry.connections--;
      },
    });
  }

  #whyNot({ service, allow, connections }: Entry, { visitor }: Visit): ErrorName | undefined {
    const { listen, maxConnections } = service;
    const fields = { listen: formatDestination(listen) };
    if (!allow.isEmpty && !allow.has(hostFromAddressBytes(visitor))) {
      this.#options.logger.info(fields, 'a visitor was refused: not in "allow"');
      return 'notAuthorized';
    }
    if (connections < maxConnections && this.#options.hasDescriptor()) return undefined;
    this.#options.logger.warn(fields, 'a visitor was refused: too many connections');
    return 'resourceExceeded';
  }

  #newEntry(service: PublishedService): Entry {
    return {
      service,
      allow: new AddressRanges(service.allow),
      id: undefined,
      state: 'waiting',
      reason: NO_SESSION,
      sinceMs: this.#options.wallClock(),
      connections: 0,
      retry: undefined,
    };
  }

  #request(entry: Entry): void {
    clearTimeout(entry.retry);
    const current = this.#current;
    if (current === undefined) return;
    if (!current.isOffered) {
      this.#become(entry, 'refused', TOO_OLD);
      return;
    }
    const { driver } = current;
    const place = { ...entry.service.listen, once: false };
    entry.id = driver.input(({ publications }) => publications.request(place));
    if (entry.id === undefined) {
      this.#refused(entry, 'too many publications in one session');
      return;
    }
    const { slot, generation } = entry.id;
    this.#asked.get(driver)!.set(slot, { generation, entry });
    // One that was refused stays so until there is news.
    if (entry.state !== 'refused') this.#become(entry, 'waiting', 'the concentrator has not answered yet');
  }

  #refused(entry: Entry, reason: string): void {
    this.#become(entry, 'refused', reason);
    clearTimeout(entry.retry);
    entry.retry = setTimeout(() => {
      this.#withdraw(entry);
      this.#request(entry);
    }, RETRY_MS);
    entry.retry.unref();
  }

  #withdraw(entry: Entry): void {
    clearTimeout(entry.retry);
    const { id } = entry;
    entry.id = undefined;
    if (id === undefined || this.#current === undefined) return;
    const { driver } = this.#current;
    this.#asked.get(driver)?.delete(id.slot);
    driver.input(({ publications }) => publications.withdraw(id));
  }

  #become(entry: Entry, state: PublishedState, reason: string): void {
    if (entry.state === state && entry.reason === reason) return;
    entry.state = state;
    entry.reason = reason;
    entry.sinceMs = this.#options.wallClock();
    const { logger } = this.#options;
    const fields = { listen: formatDestination(entry.service.listen), to: serviceText(entry.service.to) };
    if (state === 'listening') logger.info(fields, 'published at the concentrator');
    if (state === 'refused') logger.warn({ ...fields, reason }, 'not published at the concentrator');
  }
}

/** What comes from the concentrator, without what could make a terminal do something. */
function printable(text: string): string {
  return text.replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '?');
}
