import type { SteeringPolicy } from '../../../shared/protocol/steering/steering-policy.ts';

/** What an uplink is to a connection, the best first; one of a later kind serves only when those before it cannot. */
const ROLES = ['regular', 'overflow', 'backup'] as const;
export type DirectRole = (typeof ROLES)[number];

/** An uplink that may carry a connection, with what the order goes by. */
export interface Candidate {
  readonly name: string;
  readonly role: DirectRole;
  /** It has failed where others did not. */
  readonly isSuspect: boolean;
  /** How long a connection takes to be made over it; undefined where that is not known. */
  readonly connectMs: number | undefined;
  /** What it delivers, bytes per second, as far as it is known. */
  readonly bytesPerSecond: number;
  /** Connections that share this. */
  readonly busy: number;
  /** As configured. */
  readonly weight: number | undefined;
  /** When its turn is due, where uplinks take turns. */
  readonly dueTurn: number;
}

/** A candidate with its place: those of a later group are for when no earlier one answers. */
export interface Placed extends Candidate {
  readonly group: number;
  /** Its share where shares are configured, by the policy or by the uplinks; undefined where what is measured decides. */
  readonly share: number | undefined;
}

/** The transfer by whose time uplinks are compared: a page of the web, or the beginning of something larger. */
const USUAL_BYTES = 256 * 1024;
/** TCP, TLS, and the request. */
const ROUND_TRIPS = 3;
/** Many connections fill a slow satellite, too: its round trips do not count for more. */
const MOST_LATENCY_MS = 500;
/** Of an uplink that nothing is known of, while nothing is known of any. */
const USUAL_CONNECT_MS = 50;
const NONE: ReadonlySet<string> = new Set();

/**
 * The uplinks in the order in which a connection tries them: first what works, then regular uplinks before backups, then what the
 * policy prefers, then those that the application uses already, then the one that the host is used to, then the one that is expected to
 * serve it soonest.
 *
 * @param sticky the uplink that the host is used to
 * @param inUse those that the application has a port over, where it is to be known by one address
 */
export function orderUplinks(
  candidates: readonly Candidate[],
  policy: SteeringPolicy,
  sticky: string | undefined,
  inUse: ReadonlySet<string> = NONE,
): readonly Placed[] {
  const { order = [] } = policy;
  const preference = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  const shares = sharesOf(candidates, policy);
  const known = candidates.flatMap(({ connectMs }) => connectMs ?? []);
  const bestConnectMs = known.length > 0 ? Math.min(...known) : USUAL_CONNECT_MS;
  const placed = candidates.map((candidate) => {
    const share = shares?.(candidate);
    // An uplink without a share is there for when none with a share works.
    const isLast = candidate.isSuspect ? 2 : share === 0 ? 1 : 0;
    const group = isLast * ROLES.length + ROLES.indexOf(candidate.role);
    const keys = [
      group,
      preference(candidate.name),
      inUse.has(candidate.name) ? 0 : 1,
      candidate.name === sticky ? 0 : 1,
      costOf(candidate, policy, share, bestConnectMs),
      -(share ?? 0),
      candidate.busy,
      candidate.dueTurn,
    ];
    return { placed: { ...candidate, group, share }, keys };
  });
  return placed.sort((a, b) => compare(a.keys, b.keys)).map(({ placed: one }) => one);
}

/** Those of the policy; else those of the uplinks, where any has one. */
function sharesOf(
  candidates: readonly Candidate[],
  { mode, weights }: SteeringPolicy,
): ((candidate: Candidate) => number) | undefined {
  if (mode === 'round-robin') return () => 1;
  if (mode === 'weighted') return ({ name }) => weights?.[name] ?? 0;
  if (mode !== 'aggregate' || candidates.every(({ weight }) => weight === undefined)) return undefined;
  return ({ weight }) => weight ?? 1;
}

/** The less, the better. */
function costOf(
  { connectMs, bytesPerSecond, busy, dueTurn }: Candidate,
  { mode }: SteeringPolicy,
  share: number | undefined,
  bestConnectMs: number,
): number {
  if (share !== undefined) return dueTurn;
  const latencyMs = ROUND_TRIPS * (connectMs ?? bestConnectMs);
  if (mode === 'lowest-latency' || mode === 'redundant') return latencyMs;
  return Math.min(latencyMs, MOST_LATENCY_MS) + (USUAL_BYTES * (busy + 1) * 1_000) / bytesPerSecond;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, key] of a.entries()) if (key !== b[index]) return key - b[index]!;
  return 0;
}
