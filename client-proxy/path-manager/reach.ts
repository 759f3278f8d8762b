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

/** Connects to one address and proves the other end; a name is only for an uplink whose proxy resolves it. */
export type ConnectAddress = (
  uplink: DialledUplink,
  address: Destination,
  signal: CancelSignal,
) => Promise<SubflowTransport>;

export interface ReachOptions {
  readonly uplink: DialledUplink;
  readonly targets: readonly PathTarget[];
  readonly names: TargetNames;
  readonly connect: ConnectAddress;
  /** For resolving the names, and then for each address. */
  readonly timeoutMs: number;
  /** What answered last; it is tried first. */
  readonly preferred?: Destination | undefined;
  /** Addresses that are not tried; none where absent. */
  isLeftOut?(address: Destination): boolean;
  readonly signal: CancelSignal;
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
  const { uplink, connect, timeoutMs, signal } = options;
  const addresses = inOrder(await resolved(options), options.preferred);
  const failures = new Map<Destination, Error>();
  try {
    const { connection, address } = await raceConnections({
      addresses,
      connect: (address, attempt) =>
        connect(uplink, address, attempt).catch((error: Error) => {
          failures.set(address, error);
          throw error;
        }),
      attemptDelayMs: CONNECTION_ATTEMPT_DELAY_MS,
      // Each attempt keeps its own limit.
      timeoutMs: timeoutMs * 2 + addresses.length * CONNECTION_ATTEMPT_DELAY_MS,
      signal,
    });
    return { transport: connection, address };
  } catch (error) {
    signal.throwIfAborted();
    throw joined(uplink, addresses, failures) ?? error;
  }
}

/** The addresses of all targets, each once. Rejects when there are none. */
async function resolved(options: ReachOptions): Promise<readonly Destination[]> {
  const { uplink, targets, isLeftOut } = options;
  const addresses = uplink.binding.kind === 'proxy' ? targets : await resolvedHere(options);
  const left = addresses.filter((address) => !isLeftOut?.(address));
  if (left.length > 0) return left;
  const where = addresses.map(formatDestination).join(', ');
  const text = `the concentrator at ${where} does not know this session, which works over other subflows`;
  throw new UplinkError(uplink.name, 'sessionUnknown', text);
}

async function resolvedHere({
  uplink,
  targets,
  names,
  timeoutMs,
  signal,
}: ReachOptions): Promise<readonly Destination[]> {
  const errors: unknown[] = [];
  const found = await Promise.all(
    targets.map(async ({ host, port, families }) => {
      if (isIP(host) !== 0) return [{ host, port }];
      try {
        const what = `resolving ${host}`;
        const addresses = await withTimeLimit(what, { timeoutMs, signal }, (limited) =>
          names.addressesOf(host, families, limited),
        );
        return addresses.map((address) => ({ host: address, port }));
      } catch (error) {
        errors.push(connectFailure(uplink.name, formatDestination({ host, port }), error));
        return [];
      }
    }),
  );
  signal.throwIfAborted();
  const distinct = new Map(found.flat().map((address) => [formatDestination(address), address]));
  if (distinct.size === 0) throw errors[0];
  return [...distinct.values()];
}

function inOrder(addresses: readonly Destination[], preferred: Destination | undefined): Destination[] {
  const last = preferred && formatDestination(preferred);
  const first = addresses.filter((address) => formatDestination(address) === last);
  const others = addresses.filter((address) => formatDestination(address) !== last);
  const next = first.some(({ host }) => isIP(host) === 6) ? 4 : 6;
  return [...first, ...interleaveFamilies(others, next, ({ host }) => host)];
}

/** One error for all addresses, in their order; none when nothing was tried. */
function joined(
  uplink: DialledUplink,
  addresses: readonly Destination[],
  failures: ReadonlyMap<Destination, Error>,
): Error | undefined {
  const errors = addresses.flatMap((address) => failures.get(address) ?? []);
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
