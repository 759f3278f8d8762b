import { randomInt } from 'node:crypto';
import dns from 'node:dns';
import type { Destination } from '../../protocol/destination.ts';
import { parseHostPort } from '../address/host-port.ts';
import type { CancelSignal } from '../async/cancellation.ts';
import type { MonotonicClock } from '../clock.ts';
import type { DnsAnswer, DnsQuestion, DnsRecord, DnsType } from './dns-message.ts';
import type { DnsWay } from './dns-way.ts';
import { SendPace } from './send-pace.ts';
import { ServerQuery } from './server-query.ts';

/** Which name servers are asked, and from where. */
export interface DnsRoute {
  /** As `address` or `address:port`; nine of them are asked at most. */
  readonly servers: readonly string[];
  readonly way: DnsWay;
}

/** How patiently name servers are asked. */
export interface DnsPatience {
  /** How long the next one waits behind one that says nothing. */
  readonly nextServerMs: number;
  /** From the first question to its repetition where a datagram may have been lost; doubled with each round. */
  readonly firstRoundMs: number;
  readonly rounds: number;
}

/** Answers from a cache come within a fraction of this; others may take longer, and then two servers look for them. */
const NEXT_SERVER_MS = 300;
/** Nobody waits for a name longer than four rounds. */
const PATIENCE: DnsPatience = { nextServerMs: NEXT_SERVER_MS, firstRoundMs: 500, rounds: 4 };
/** As resolv.conf(5) has it. */
const SERVERS_PER_ROUND = 3;
/** For one name; callers have no patience for more rounds. Each takes a socket until there is an answer. */
const MAX_ASKED_SERVERS = 9;
/** So long another one is asked before a server that was too late, or failed where the other did not. */
const SET_ASIDE_MS = 30_000;
/** By so much rounds take longer, by chance. */
const JITTER_PERCENT = 50;
const DNS_PORT = 53;

/**
 * The name servers of one route. They are asked in their order, three in a round. One that fails, talks nonsense or is late has
 * the next one asked beside it, and the first real answer counts: addresses, that there are none, or that there is no such name.
 */
export class NameServers {
  readonly #route: DnsRoute;
  readonly #clock: MonotonicClock;
  readonly #patience: DnsPatience;
  readonly #pace: SendPace;
  /** By server: until when others come first. */
  readonly #asideUntilMs = new Map<string, number>();

  constructor(route: DnsRoute, clock: MonotonicClock, patience: DnsPatience = PATIENCE) {
    this.#route = route;
    this.#clock = clock;
    this.#patience = patience;
    this.#pace = new SendPace(clock);
  }

  /**
   * The addresses of a name. Rejects with an error that has one of c-ares' codes (`dns.NOTFOUND`: there is no such name,
   * `dns.NODATA`: no address of this type, `dns.SERVFAIL` and others, `dns.TIMEOUT`) or Node's; or with the signal's reason.
   */
  ask(name: string, type: DnsType, signal: CancelSignal): Promise<readonly DnsRecord[]> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        race.stop();
        signal.removeEventListener('abort', onAbort);
        how();
      };
      const onAbort = () => settle(() => reject(signal.reason));
      const servers = this.#inOrder();
      const race = new ServerRace({
        servers,
        way: this.#route.way,
        patience: this.#patience,
        pace: this.#pace,
        question: { name, type },
        onAnswer: (answer, server, passedOver) => {
          this.#asideUntilMs.delete(server);
          this.#setAside(passedOver);
          settle(() => (answer.records.length > 0 ? resolve(answer.records) : reject(noAddress(answer))));
        },
        onFailure: (code) => {
          // All are alike: which one comes first may be the name's fault, and must not change for other names.
          settle(() => reject(failed(code)));
        },
      });
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort);
      race.start();
    });
  }

  #setAside(servers: readonly string[]): void {
    const untilMs = this.#clock() + SET_ASIDE_MS;
    for (const server of servers) this.#asideUntilMs.set(server, untilMs);
  }

  #inOrder(): readonly string[] {
    const nowMs = this.#clock();
    const isAside = (server: string) => (this.#asideUntilMs.get(server) ?? nowMs) > nowMs;
    const { servers } = this.#route;
    const inOrder = [...servers.filter((one) => !isAside(one)), ...servers.filter(isAside)];
    return inOrder.slice(0, MAX_ASKED_SERVERS);
  }
}

interface ServerRaceOptions {
  readonly servers: readonly string[];
  readonly way: DnsWay;
  readonly patience: DnsPatience;
  readonly pace: SendPace;
  readonly question: Omit<DnsQuestion, 'id'>;
  /** @param passedOver those that were asked before and have said nothing of use */
  onAnswer(answer: DnsAnswer, server: string, passedOver: readonly string[]): void;
  /** None has answered. */
  onFailure(code: string): void;
}

/** One question to several name servers; until `stop`. */
class ServerRace {
  readonly #options: ServerRaceOptions;
  readonly #queries = new Map<string, ServerQuery>();
  /** Those that are asked in this round. */
  #turn: readonly string[] = [];
  /** Those that have failed in this round. */
  readonly #failed = new Set<string>();
  #round = 0;
  /** How many have been asked in this round. */
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Of the question that may still wait for its turn. */
  #giveUpTurn = () => {};
  #failure: string = dns.TIMEOUT;

  constructor(options: ServerRaceOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.servers.length === 0) this.#options.onFailure(dns.CONNREFUSED);
    else this.#startRound();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#giveUpTurn();
    for (const query of this.#queries.values()) query.close();
  }

  /** Where there are more than a round has, the next ones come first, and those that have said nothing follow. */
  #startRound(): void {
    const { servers } = this.#options;
    const first = (this.#round * SERVERS_PER_ROUND) % servers.length;
    this.#turn = [...servers.slice(first), ...servers.slice(0, first)].slice(0, SERVERS_PER_ROUND);
    this.#asked = 0;
    this.#failed.clear();
    this.#askNext();
  }

  #askNext(): void {
    const { patience, pace } = this.#options;
    clearTimeout(this.#timer);
    this.#giveUpTurn();
    const server = this.#turn[this.#asked++]!;
    // The last one has what is left of the round.
    const isLast = this.#asked === this.#turn.length;
    // Questions that were asked together are not asked again together: a name server's queue is short.
    const jitter = 1 + randomInt(JITTER_PERCENT) / 100;
    const roundMs = patience.firstRoundMs * 2 ** this.#round * jitter;
    const usedMs = patience.nextServerMs * (this.#turn.length - 1);
    const waitMs = isLast ? Math.max(patience.nextServerMs, roundMs - usedMs) : patience.nextServerMs;
    this.#giveUpTurn = pace.run(() => {
      this.#timer = setTimeout(() => (isLast ? this.#endRound() : this.#askNext()), waitMs);
      this.#queryTo(server).send();
    });
  }

  #endRound(): void {
    const { patience, onFailure } = this.#options;
    this.#round++;
    if (this.#round === patience.rounds) onFailure(this.#failure);
    else this.#startRound();
  }

  #queryTo(server: string): ServerQuery {
    let query = this.#queries.get(server);
    if (query === undefined) {
      const { way, question } = this.#options;
      query = new ServerQuery({
        question: { ...question, id: randomInt(MAX_ID) },
        server: addressOf(server),
        way,
        onAnswer: (answer) => this.#onAnswer(server, answer),
        onFailure: (code) => this.#onFailure(server, code),
        onNonsense: () => this.#hurry(server),
      });
      this.#queries.set(server, query);
    }
    return query;
  }

  #onAnswer(server: string, answer: DnsAnswer): void {
    if (answer.code !== NO_ERROR && answer.code !== NO_SUCH_NAME) {
      this.#onFailure(server, FAILURES[answer.code] ?? dns.SERVFAIL);
    } else if (answer.saysNothing && answer.code === NO_ERROR) {
      this.#onFailure(server, dns.SERVFAIL);
    } else {
      const { servers, onAnswer } = this.#options;
      onAnswer(answer, server, servers.slice(0, servers.indexOf(server)));
    }
  }

  #onFailure(server: string, code: string): void {
    this.#failure = code;
    this.#failed.add(server);
    const haveAllFailed = this.#turn.every((one) => this.#failed.has(one));
    if (haveAllFailed && this.#isEachAsked()) this.#options.onFailure(code);
    else this.#hurry(server);
  }

  /** The next one need not wait for the one that was asked last. */
  #hurry(server: string): void {
    if (this.#turn[this.#asked - 1] !== server) return;
    if (this.#asked < this.#turn.length) this.#askNext();
    else if (!this.#isEachAsked()) this.#endRound();
  }

  /** At the end of this round. */
  #isEachAsked(): boolean {
    return (this.#round + 1) * SERVERS_PER_ROUND >= this.#options.servers.length;
  }
}

// RFC 1035 section 4.1.1, RCODE
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;
const FAILURES: Readonly<Record<number, string>> = {
  1: dns.FORMERR,
  2: dns.SERVFAIL,
  4: dns.NOTIMP,
  5: dns.REFUSED,
};
const MAX_ID = 0x1_0000;

/** The address and port that a configuration, or the system, names. */
export function addressOf(server: string): Destination {
  return parseHostPort(server) ?? { host: server.replace(/^\[(.*)\]$/, '$1'), port: DNS_PORT };
}

function noAddress({ code }: DnsAnswer): Error {
  return failed(code === NO_SUCH_NAME ? dns.NOTFOUND : dns.NODATA);
}

function failed(code: string): Error {
  return Object.assign(new Error(code), { code });
}
