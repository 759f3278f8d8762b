import type { LimitHit } from '../limits/limit-hits.ts';
import type { LookedAtSession } from '../page/client-look.ts';
import type { PageFeedOptions } from '../page/page-feed.ts';

/** What one process has for the page, as another process can have it. Times are ages, since each process has a clock of its own. */
export interface SessionsLook {
  readonly sessions: readonly SessionLook[];
  readonly limits: readonly { readonly clientId: string; readonly hits: readonly AgedHit[] }[];
  readonly usedBytes: number;
  readonly limitBytes: number;
  readonly flows: number;
}

type AgedHit = Omit<LimitHit, 'lastMs'> & { readonly ageMs: number };

interface SessionLook {
  readonly clientId: string;
  readonly id: string;
  readonly ageMs: number;
  readonly hasSubflow: boolean;
  readonly streamCount: number;
  readonly snapshot: ReturnType<LookedAtSession['driver']['snapshot']>;
  readonly links: readonly (readonly [number, ReturnType<LookedAtSession['driver']['linkOf']>])[];
  readonly parked: readonly (readonly [string, string | undefined])[];
  readonly traffic: readonly (readonly [
    string,
    { readonly sentBytes: number; readonly receivedBytes: number },
  ])[];
}

type LookedAt = Pick<PageFeedOptions, 'sessions' | 'limitHits' | 'memory' | 'flows' | 'clock'>;

/** Looks at this process. */
export function lookAtSessions({ sessions, limitHits, memory, flows, clock }: LookedAt): SessionsLook {
  const nowMs = clock();
  const live = sessions().filter(({ driver }) => !driver.isClosed);
  return {
    sessions: live.map((session) => lookAt(session, nowMs)),
    limits: [...new Set(live.map(({ clientId }) => clientId))].flatMap((clientId) => {
      const hits = limitHits.of(clientId).map(({ lastMs, ...hit }) => ({ ...hit, ageMs: nowMs - lastMs }));
      return hits.length === 0 ? [] : [{ clientId, hits }];
    }),
    usedBytes: memory.total.usedBytes,
    limitBytes: memory.total.limitBytes,
    flows: flows(),
  };
}

/** The same sessions in another process. @param nowMs by the clock there, when the look was taken */
export function lookedAtSessions(look: SessionsLook, nowMs: number): readonly LookedAtSession[] {
  return look.sessions.map(({ clientId, id, ageMs, snapshot, links, parked, traffic, ...session }) => {
    const linkOf = new Map(links);
    const reasons = new Map(parked);
    return {
      clientId,
      id,
      driver: {
        isClosed: false,
        ...session,
        startedMs: nowMs - ageMs,
        snapshot: () => snapshot,
        linkOf: (subflowId) => linkOf.get(subflowId),
        parkReasonOf: (uplinkName) => reasons.get(uplinkName),
      },
      traffic: { entries: () => traffic },
    };
  });
}

function lookAt({ clientId, id, driver, traffic }: LookedAtSession, nowMs: number): SessionLook {
  const { subflows, datagrams } = driver.snapshot();
  const { associations, flowCount, paths } = datagrams;
  const plain = subflows.map((subflow) => ({ ...subflow, sendingStreamIds: undefined }));
  const uplinks = new Set(subflows.map(({ uplinkName }) => uplinkName));
  return {
    clientId,
    id,
    ageMs: nowMs - driver.startedMs,
    hasSubflow: driver.hasSubflow,
    streamCount: driver.streamCount,
    snapshot: {
      subflows: plain,
      datagrams: { associations, flowCount, paths: paths.map(({ uplink, state }) => ({ uplink, state })) },
    },
    links: subflows.map(({ id: subflowId }) => {
      const link = driver.linkOf(subflowId);
      return [subflowId, link && { remote: link.remote, doubtReason: link.doubtReason }] as const;
    }),
    parked: [...uplinks].map((name) => [name, driver.parkReasonOf(name)] as const),
    traffic: [...traffic.entries()].map(
      ([name, { sentBytes, receivedBytes }]) => [name, { sentBytes, receivedBytes }] as const,
    ),
  };
}
