import { promises as dns } from 'node:dns';
import { type ErrorName, StreamError } from '../../protocol/errors.ts';
import { Cancellation, type CancelSignal } from '../async/cancellation.ts';
import type { ReleasePlace, SharedPlaces } from '../async/shared-places.ts';
import type { DnsRecord } from './dns-message.ts';
import type { NameServers } from './name-servers.ts';

/** What the name servers said for one address family. */
export interface Family {
  readonly records: readonly DnsRecord[];
  readonly errorCode?: string;
}

export interface LookupOptions {
  readonly name: string;
  /** Names are asked for in a place each; those who ask share them. */
  readonly places: SharedPlaces;
  /** Called when it is the name's turn. Rejects with StreamError where there are none. */
  readonly servers: () => Promise<NameServers>;
  /** For a caller, the time in the line included; and for the name servers. */
  readonly timeoutMs: number;
  /** Whether it may await the answer of the other family for a second, without a place, when everybody has that of one. */
  readonly mayLinger: () => boolean;
  /** What has been learned; of one family alone where the other is not known. */
  onLearned(families: readonly Family[]): void;
  /** Called once: nobody waits any more, or everybody has an answer, and nothing more is awaited. */
  onOver(): void;
}

interface Caller {
  readonly asker: string;
  settle(how: { readonly answer: readonly string[] } | { readonly error: unknown }): void;
}

/**
 * One name that is looked up, for all who want it at the same time. It waits for a place in the line of each of them, so that
 * nobody waits longer because somebody else asked first. When nobody wants it any more it leaves the line, or stops asking.
 */
export class Lookup {
  readonly #options: LookupOptions;
  readonly #callers = new Set<Caller>();
  readonly #callersOf = new Map<string, number>();
  /** By asker: its claim of a place; once asked, of the one in whose place it is. */
  readonly #claims = new Map<string, ReleasePlace>();
  #isAsking = false;
  /** Of one family, while that of the other one is awaited. */
  #half: readonly string[] | undefined;
  #stopAsking = () => {};
  #isOver = false;

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** Waits for the answer. Rejects with StreamError as `OriginResolver.resolve`. */
  join(asker: string, signal: CancelSignal): Promise<readonly string[]> {
    const { name, timeoutMs } = this.#options;
    if (this.#half !== undefined) return Promise.resolve(this.#half);
    return new Promise((resolve, reject) => {
      const caller: Caller = {
        asker,
        settle: (how) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          this.#count(caller, -1);
          if ('answer' in how) resolve(how.answer);
          else reject(how.error);
        },
      };
      const giveUp = (error: StreamError) => {
        caller.settle({ error });
        this.#onLeft(asker);
      };
      const onAbort = () => giveUp(new StreamError('cancelled', `the lookup of ${name} was given up`));
      const timer = setTimeout(() => giveUp(this.#tooLate()), timeoutMs);
      signal.addEventListener('abort', onAbort);
      this.#count(caller, +1);
      if (!this.#isAsking) this.#claimFor(asker);
    });
  }

  #count(caller: Caller, change: 1 | -1): void {
    if (change > 0) this.#callers.add(caller);
    else this.#callers.delete(caller);
    this.#callersOf.set(caller.asker, (this.#callersOf.get(caller.asker) ?? 0) + change);
  }

  #claimFor(asker: string): void {
    if (this.#claims.has(asker)) return;
    const release = this.#options.places.claim(asker, () => this.#ask(asker));
    // It may have failed by now.
    if (this.#isOver) release();
    else this.#claims.set(asker, release);
  }

  #onLeft(asker: string): void {
    if (this.#isOver) return;
    if (this.#callers.size === 0) {
      this.#finish();
    } else if (!this.#isAsking && this.#callersOf.get(asker) === 0) {
      this.#claims.get(asker)?.();
      this.#claims.delete(asker);
    }
  }

  #ask(asker: string): void {
    this.#isAsking = true;
    for (const [other, release] of this.#claims) {
      if (other === asker) continue;
      release();
      this.#claims.delete(other);
    }
    void this.#askNameServers().catch((error: unknown) => this.#settleAll({ error }));
  }

  async #askNameServers(): Promise<void> {
    const { name, timeoutMs, onLearned } = this.#options;
    const cancellation = new Cancellation();
    const timer = setTimeout(() => this.#settleAll({ error: this.#tooLate() }), timeoutMs);
    this.#stopAsking = () => {
      clearTimeout(timer);
      cancellation.abort();
    };
    const servers = await this.#options.servers();
    if (this.#isOver) return;
    const ipv4 = settled(servers.ask(name, 'A', cancellation));
    const ipv6 = settled(servers.ask(name, 'AAAA', cancellation));
    const complete = Promise.all([ipv6, ipv4]);
    const families = await Promise.race([
      complete,
      oneAfterDelay(ipv4, RESOLUTION_DELAY_MS),
      oneAfterDelay(ipv6, OTHER_FAMILY_DELAY_MS),
    ]);
    if (this.#isOver) return;
    const answer = answerOf(families);
    if (families.length === 1) return this.#onHalf(families, complete);
    onLearned(families);
    if (answer.length > 0) this.#settleAll({ answer });
    else this.#settleAll({ error: failureOf(name, families) });
  }

  /** Who has the other family alone would not get there for as long as this half of the answer is kept. */
  async #onHalf(half: readonly Family[], complete: Promise<readonly Family[]>): Promise<void> {
    const answer = answerOf(half);
    this.#half = answer;
    for (const caller of [...this.#callers]) caller.settle({ answer });
    this.#releasePlaces();
    const { mayLinger, onLearned } = this.#options;
    const families = mayLinger() ? await Promise.race([complete, after(OTHER_FAMILY_DELAY_MS)]) : half;
    if (this.#isOver) return;
    onLearned(families ?? half);
    this.#finish();
  }

  #tooLate(): StreamError {
    const { name, timeoutMs } = this.#options;
    return new StreamError('timedOut', `${name} was not resolved within ${timeoutMs} ms`);
  }

  #settleAll(how: Parameters<Caller['settle']>[0]): void {
    for (const caller of [...this.#callers]) caller.settle(how);
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Before the place is given to another name.
    this.#options.onOver();
    this.#stopAsking();
    this.#releasePlaces();
  }

  #releasePlaces(): void {
    for (const release of this.#claims.values()) release();
    this.#claims.clear();
  }
}

/** More would only be tried after all of these had failed, long past the connect timeout. */
export const MAX_ADDRESSES_PER_FAMILY = 8;
/** RFC 8305 section 3: how much later than the A answer the AAAA answer may come. */
const RESOLUTION_DELAY_MS = 50;
/** The same the other way round. IPv4 is what works everywhere, so it gets more time, but not all there is. */
const OTHER_FAMILY_DELAY_MS = 1_000;

async function settled(query: Promise<readonly DnsRecord[]>): Promise<Family> {
  try {
    return { records: (await query).slice(0, MAX_ADDRESSES_PER_FAMILY) };
  } catch (error) {
    return { records: [], errorCode: (error as NodeJS.ErrnoException).code ?? 'unknown' };
  }
}

/** The answer of one family alone, for name servers that drop queries for the other; never when it has no addresses. */
async function oneAfterDelay(answer: Promise<Family>, delayMs: number): Promise<readonly Family[]> {
  const family = await answer;
  return new Promise((resolve) => {
    if (family.records.length > 0) setTimeout(resolve, delayMs, [family]);
  });
}

function after(delayMs: number): Promise<undefined> {
  return new Promise((resolve) => void setTimeout(resolve, delayMs, undefined).unref());
}

/** All addresses, in the order of the families. */
export function answerOf(families: readonly Family[]): readonly string[] {
  return families.flatMap(({ records }) => records.map(({ value }) => value));
}

/** Whether the name servers have told of both families; that one has no address is an answer, too. */
export function isWhole(families: readonly Family[]): boolean {
  const isTold = ({ errorCode }: Family) =>
    errorCode === undefined || errorCode === dns.NOTFOUND || NO_ADDRESS.has(errorCode);
  return families.length === 2 && families.every(isTold);
}

/** Why nothing was found of a name. */
export function failureOf(name: string, families: readonly Pick<Family, 'errorCode'>[]): StreamError {
  const codes = families.map(({ errorCode }) => errorCode ?? dns.NODATA);
  const reasons = new Set(codes.map((code) => REASONS[code] ?? `the name servers cannot be asked (${code})`));
  return new StreamError(errorOf(codes), `${name} could not be resolved: ${[...reasons].join('; ')}`);
}

const REASONS: Readonly<Record<string, string>> = {
  [dns.NOTFOUND]: 'there is no such name',
  [dns.NODATA]: 'it has no address',
  [dns.TIMEOUT]: 'no name server answered in time',
  [dns.SERVFAIL]: 'the name servers have failed (SERVFAIL)',
  [dns.REFUSED]: 'the name servers refuse to answer (REFUSED)',
  [dns.NOTIMP]: 'the name servers do not know the question (NOTIMP)',
  [dns.FORMERR]: 'the name servers do not understand the question (FORMERR)',
  [dns.BADRESP]: 'the name servers answer what cannot be read',
  [dns.CONNREFUSED]: 'nobody answers at the addresses of the name servers (ECONNREFUSED)',
  ENETUNREACH: 'there is no route to the name servers (ENETUNREACH)',
  EHOSTUNREACH: 'the name servers cannot be reached (EHOSTUNREACH)',
};

function errorOf(codes: readonly string[]): ErrorName {
  // The name does not exist (NXDOMAIN), whatever became of the other query; or it has no address of either family.
  if (codes.includes(dns.NOTFOUND) || codes.every((code) => NO_ADDRESS.has(code))) return 'nameNotFound';
  return codes.includes(dns.TIMEOUT) ? 'timedOut' : 'networkFailure';
}

const NO_ADDRESS: ReadonlySet<string> = new Set([dns.NODATA, dns.BADNAME]);
