import { isIP } from 'node:net';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import type { CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import { withTimeLimit } from '../../shared/runtime/async/time-limit.ts';
import type { SubflowTransport } from '../../shared/runtime/subflow/subflow-transport.ts';
import {
  CONNECTION_ATTEMPT_DELAY_MS,
  interleaveFamilies,
  raceConnections,
} from '../../shared/runtime/tcp/happy-eyeballs.ts';
import type { TargetNames } from '../dns/target-names.ts';
import { PortalError } from '../uplink/portal.ts';
import { connectFailure, UplinkError } from '../uplink/uplink-error.ts';
import type { PathTarget } from './paths.ts';
import type { DialledUplink } from './uplink-role.ts';

/**
 * Connects to one address and proves the other end; a name is only for an uplink whose proxy resolves it.
 */
export type ConnectAddress = (
  uplink: DialledUplink,
  address: Destination,
  signal: CancelSignal,
  purpose: DialPurpose,
) => Promise<SubflowTransport>;

/** What a connection is made for. */
export interface DialPurpose {
  /** The concentrator's address that it leads to; the one that is dialled may be a translation of it. */
  readonly way: Destination;
  /** Only packets of full length will do. */
  readonly isTrial: boolean;
  /** As `AddressChoice.isPressing`. */
  readonly isPressing: boolean;
  /** The server name that the concentrator wants for it; undefined: the configured one. */
  readonly serverName?: string | undefined;
}

export interface ReachOptions {
  readonly uplink: DialledUplink;
  readonly targets: readonly PathTarget[];
  readonly names: TargetNames;
  readonly connect: ConnectAddress;
  /** For resolving the names, and then for each address. */
  readonly timeoutMs: number;
  readonly choice?: AddressChoice;
  /** Addresses that are not tried; none where absent. */
  isLeftOut?(address: Destination): boolean;
  readonly signal: CancelSignal;
}

/** What earlier dials say about the addresses. */
export interface AddressChoice {
  /** What answered last; it is tried first. */
  readonly preferred?: Destination | undefined;
  /** Where a subflow has failed since; it is tried last. */
  readonly failed?: Destination | undefined;
  /** Whether only packets of full length will do. */
  readonly isTrial?: boolean;
  /** Whether a packet that is lost must not cost a second: further ones may be sent meanwhile. */
  readonly isPressing?: boolean;
}

export interface Reached {
  readonly transport: SubflowTransport;
  readonly address: Destination;
}

/**
 * Connects over an uplink to the first of the targets' addresses that answers, IPv6 first, the next one 250 ms behind the last (Happy
 * Eyeballs, RFC 8305). Rejects with UplinkError or SubflowError, or with the signal's reason.
 */
export async function reach(options: ReachOptions): Promise<Reached> {
  const { uplink, targets, connect, timeoutMs, names, choice = {}, signal } = options;
  const { now, later } = await candidatesOf(options);
  /** In the order in which they were tried; an error where it has failed. */
  const tried = new Map<Candidate, Error | undefined>();
  try {
    const { connection, address: reached } = await raceConnections({
      addresses: now,
      more: later,
      connect(candidate, attempt) {
        tried.set(candidate, undefined);
        const { dialled, address: way } = candidate;
        const { isTrial = false, isPressing = false } = choice;
        const purpose = { way, isTrial, isPressing };
        return connect(uplink, dialled, attempt, purpose).catch((error: Error) => {
          tried.set(candidate, error);
          throw error;
        });
      },
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      // Each attempt keeps its own limit.
      timeoutMs: timeoutMs * 2 + now.length * CONNECTION_ATTEMPT_DELAY_MS,
      signal,
    });
    const { name, address } = reached;
    if (name !== undefined) names.onReached(uplink.name, name, address.host);
    return { transport: connection, address };
  } catch (error) {
    signal.throwIfAborted();
    for (const { host } of targets) if (isIP(host) === 0) names.onFailed(uplink.name, host);
    throw joined(uplink, [...tried.values()]) ?? error;
  }
}

/** One way to the concentrator. */
interface Candidate {
  readonly address: Destination;
  /** The address itself; or what a translator makes of it, where the uplink has no IPv4. */
  readonly dialled: Destination;
  /** The name that it was found under. */
  readonly name?: string;
}

interface Candidates {
  readonly now: readonly Candidate[];
  /** Those that name servers may still tell. They never reject. */
  readonly later: readonly Promise<readonly Candidate[]>[];
}

/** A target has so long to be found before others are dialled without it, as name servers have beside what is remembered. */
const SLOW_TARGET_MS = 250;

/** The addresses of all targets, each once; of those that are not found soon, later. Rejects when there are none. */
async function candidatesOf(options: ReachOptions): Promise<Candidates> {
  const { uplink, targets, isLeftOut, choice = {}, signal } = options;
  const known = new Set<string>();
  const isUsable = ({ address, dialled }: Candidate) => {
    const key = formatDestination(dialled);
    if (isLeftOut?.(address) || known.has(key)) return false;
    known.add(key);
    return true;
  };
  if (uplink.binding.kind === 'proxy') {
    const all = targets.map((target) => ({ address: target, dialled: target }));
    return { now: inOrder(left(all, isUsable, uplink), choice), later: [] };
  }
  const errors: unknown[] = [];
  const found = new Map<PathTarget, Candidates>();
  const searches = targets.map(async (target) => {
    const candidates = await candidatesAt(target, options).catch((error: unknown): Candidates => {
      errors.push(connectFailure(uplink.name, formatDestination(target), error));
      return { now: [], later: [] };
    });
    found.set(target, candidates);
    return candidates;
  });
  await untilEnough(searches, ({ now }) => now.some(({ address }) => !isLeftOut?.(address)));
  signal.throwIfAborted();
  const ready = targets.flatMap((target) => found.get(target) ?? []);
  const slow = searches.filter((_, index) => !found.has(targets[index]!));
  const all = ready.flatMap(({ now }) => now);
  if (all.length === 0) throw errors[0];
  const now = inOrder(left(all, isUsable, uplink), choice);
  const later = [
    ...ready.flatMap((candidates) => candidates.later),
    ...slow.map(async (search) => (await search).now),
    ...slow.map(async (search) => (await Promise.all((await search).later)).flat()),
  ];
  return { now, later: later.map(async (more) => inOrder((await more).filter(isUsable), choice)) };
}

/** Until all is found; after a while, until something is. */
async function untilEnough(
  searches: readonly Promise<Candidates>[],
  isEnough: (found: Candidates) => boolean,
): Promise<void> {
  const all = Promise.all(searches);
  const some = Promise.any(searches.map(async (search) => isEnough(await search) || Promise.reject()));
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise((resolve) => {
    timer = setTimeout(resolve, SLOW_TARGET_MS);
  });
  await Promise.race([all, Promise.all([some.catch(() => all), pause])]);
  clearTimeout(timer);
}

/** What of the candidates may be dialled; throws when the session is known at none of them. */
function left(
  all: readonly Candidate[],
  isUsable: (candidate: Candidate) => boolean,
  { name }: DialledUplink,
): readonly Candidate[] {
  const usable = all.filter(isUsable);
  if (usable.length > 0) return usable;
  const where = all.map(({ address }) => formatDestination(address)).join(', ');
  const text = `the concentrator at ${where} does not know this session, which works over other subflows`;
  throw new UplinkError(name, 'sessionUnknown', text);
}

/** Those of one target. Rejects where a name has no addresses. */
async function candidatesAt(target: PathTarget, options: ReachOptions): Promise<Candidates> {
  const { uplink, names, timeoutMs, signal } = options;
  const { host, port, families } = target;
  const at = async (address: string, name?: string): Promise<readonly Candidate[]> => {
    const dialled = await names.dialled(uplink.name, [address], signal);
    return dialled.map((one) => ({
      address: { host: address, port },
      dialled: { host: one, port },
      ...(name === undefined ? {} : { name }),
    }));
  };
  if (isIP(host) !== 0) return { now: await at(host), later: [] };
  const all = async (addresses: readonly string[]) =>
    (await Promise.all(addresses.map((address) => at(address, host)))).flat();
  const { addresses, later } = await withTimeLimit(`resolving ${host}`, { timeoutMs, signal }, (limited) =>
    names.find(uplink.name, host, families, limited),
  );
  return { now: await all(addresses), later: later === undefined ? [] : [later.then(all).catch(() => [])] };
}

function inOrder(candidates: readonly Candidate[], { preferred, failed }: AddressChoice): Candidate[] {
  const is =
    (one: Destination | undefined) =>
    ({ address }: Candidate) =>
      one !== undefined && formatDestination(address) === formatDestination(one);
  const last = candidates.filter(is(failed));
  const first = candidates.filter((candidate) => is(preferred)(candidate) && !last.includes(candidate));
  const others = candidates.filter((candidate) => !first.includes(candidate) && !last.includes(candidate));
  const next = [...first, ...last].some(({ dialled }) => isIP(dialled.host) === 6) ? 4 : 6;
  return [...first, ...interleaveFamilies(others, next, ({ dialled }) => dialled.host), ...last];
}

/** One error for all addresses, in their order; none when nothing was tried. */
function joined(uplink: DialledUplink, failures: readonly (Error | undefined)[]): Error | undefined {
  const errors = failures.filter((error) => error !== undefined);
  const [first] = errors;
  if (first === undefined || errors.length === 1) return first;
  // It explains the other failures, too.
  const portal = errors.find((error) => error instanceof PortalError);
  if (portal !== undefined) return portal;
  const prefix = `uplink ${uplink.name}: `;
  const texts = errors.map(({ message }) =>
    message.startsWith(prefix) ? message.slice(prefix.length) : message,
  );
  const code = first instanceof TributaryError ? first.code : 'networkFailure';
  return new UplinkError(uplink.name, code, [...new Set(texts)].join('; '), { cause: first });
}
