import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import type { MonotonicClock, WallClock } from '../../shared/runtime/clock.ts';
import { uplinkFigures } from '../../shared/runtime/observe/uplink-figures.ts';
import type { ClientSource } from '../clients/client-source.ts';
import type { ClientEntry } from '../config/concentrator-config.ts';
import type { LimitHits } from '../limits/limit-hits.ts';
import { clientUplinkState } from '../status/concentrator-status.ts';
import { byUplinkName } from '../status/uplink-order.ts';
import { type ClientLook, type LookedAtClient, type LookedAtSession, sorted } from './client-look.ts';
import type { PageQuery } from './page-query.ts';
import type { ClientUplinkView, ClientView, LimitView, PageView, SessionView } from './page-view.ts';

/** What a view is made of, besides what was looked at. */
export interface ViewSource {
  readonly version: string;
  readonly clock: MonotonicClock;
  readonly wallClock: WallClock;
  readonly limitHits: Pick<LimitHits, 'of'>;
  readonly memory: { readonly total: Pick<MemoryBudget, 'usedBytes' | 'limitBytes'> };
  readonly isReady: () => boolean;
  readonly list: () => { readonly known: number; readonly trouble: ClientSource['trouble'] };
  readonly entryOf: (clientId: string) => ClientEntry | undefined;
  /** In this month. */
  readonly usedBytes: (clientId: string) => number;
  /** UDP of all clients. */
  readonly flows: () => number;
}

/** Rows of a page. Who wants to see another client looks for it by its name. */
export const MAX_ROWS = 200;
/** A limit that was reached so long ago is no news. */
const LIMIT_SHOWN_MS = 10 * 60_000;

/** @param timeMs when the look was taken */
export function makeView(look: ClientLook, query: PageQuery, timeMs: number, source: ViewSource): PageView {
  const { all } = look;
  const limits = new Map(all.map(({ name }) => [name, limitsOf(name, source)]));
  const isLimited = (client: LookedAtClient) => limits.get(client.name)!.length > 0;
  const matching = sorted(
    all.filter((client) => matches(client, isLimited(client), query.filter)),
    query,
  );
  const { usedBytes, limitBytes } = source.memory.total;
  const { known, trouble } = source.list();
  return {
    timeMs,
    version: source.version,
    ready: source.isReady(),
    sum: look.sum,
    sessions: all.reduce((sum, { sessions }) => sum + sessions.length, 0),
    streams: all.reduce((sum, { streams }) => sum + streams, 0),
    flows: source.flows(),
    clients: {
      known,
      connected: all.length,
      lingering: all.filter(({ isLingering }) => isLingering).length,
      limited: all.filter(isLimited).length,
      matching: matching.length,
    },
    listTrouble: trouble === undefined ? null : trouble.reason,
    memory: { usedBytes, limitBytes },
    top: look.top,
    rows: matching
      .slice(0, MAX_ROWS)
      .map((client) => clientView(client, limits.get(client.name)!, look, source)),
  };
}

/** By its name, that of an uplink, or a word for what is the matter. */
function matches(
  { name, sessions, isLingering }: LookedAtClient,
  isLimited: boolean,
  filter: string,
): boolean {
  if (filter === '' || name.toLowerCase().includes(filter)) return true;
  if ((isLingering && filter === 'silent') || (isLimited && filter === 'limited')) return true;
  return sessions.some(({ traffic }) =>
    [...traffic.entries()].some(([uplink]) => uplink.toLowerCase().includes(filter)),
  );
}

function limitsOf(client: string, { limitHits, clock, wallClock }: ViewSource): readonly LimitView[] {
  const nowMs = clock();
  return limitHits
    .of(client)
    .filter(({ lastMs }) => nowMs - lastMs <= LIMIT_SHOWN_MS)
    .map(({ limit, count, lastMs }) => ({ limit, count, atMs: Math.round(wallClock() - (nowMs - lastMs)) }));
}

function clientView(
  client: LookedAtClient,
  limits: readonly LimitView[],
  look: ClientLook,
  source: ViewSource,
): ClientView {
  const { name, isLingering, startedMs, streams, sentBytes, receivedBytes } = client;
  return {
    ...{ client: name, streams, sentBytes, receivedBytes, limits },
    ...ofList(name, source),
    ...{ down: Math.round(client.down), up: Math.round(client.up) },
    state: isLingering ? 'lingering' : 'established',
    sinceMs: sinceMs(startedMs, source),
    sessions: client.sessions.map((session) => sessionView(session, look, source)),
  };
}

function ofList(
  name: string,
  { entryOf, usedBytes }: ViewSource,
): Pick<ClientView, 'label' | 'expiresMs' | 'monthBytes' | 'quotaBytes' | 'rateBitsPerSecond'> {
  const { label, expiresMs, quota, rateBytesPerSecond } = entryOf(name) ?? {};
  return {
    label: label ?? null,
    expiresMs: expiresMs ?? null,
    monthBytes: usedBytes(name),
    quotaBytes: quota?.bytes ?? null,
    rateBitsPerSecond: rateBytesPerSecond === undefined ? null : rateBytesPerSecond * 8,
  };
}

function sessionView(session: LookedAtSession, look: ClientLook, source: ViewSource): SessionView {
  const { id, driver, traffic } = session;
  const snapshot = driver.snapshot();
  const { associations, flowCount: flows, paths } = snapshot.datagrams;
  const inOrder = [...traffic.entries()].sort(([one], [other]) => byUplinkName(one, other));
  const uplinks = inOrder.map(([name, { sentBytes, receivedBytes }]): ClientUplinkView => {
    const own = snapshot.subflows.filter(({ uplinkName }) => uplinkName === name);
    const { down, up } = look.rateOf(id, name);
    const { rttMs, minRttMs } = uplinkFigures(own);
    const limit = own.find(({ limitBytesPerSecond }) => limitBytesPerSecond !== undefined);
    const { state, reason } = own.length === 0 ? GONE : clientUplinkState(name, own, driver);
    return {
      name,
      state,
      reason,
      down: Math.round(down),
      up: Math.round(up),
      subflows: own.length,
      from: [...new Set(own.flatMap((subflow) => driver.linkOf(subflow.id)?.remote.host ?? []))],
      rttMs: tenths(rttMs),
      minRttMs: tenths(minRttMs),
      sentBytes,
      receivedBytes,
      udp: paths.find(({ uplink }) => uplink === name)?.state ?? null,
      limitBitsPerSecond: limit === undefined ? null : limit.limitBytesPerSecond! * 8,
    };
  });
  return {
    ...{ id, associations, flows, uplinks },
    state: driver.hasSubflow ? 'established' : 'lingering',
    sinceMs: sinceMs(driver.startedMs, source),
    streams: driver.streamCount,
  };
}

const GONE = { state: 'gone', reason: 'it has no subflow any more' } as const;

function sinceMs(startedMs: number, { clock, wallClock }: ViewSource): number {
  return Math.round(wallClock() - (clock() - startedMs));
}

function tenths(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10;
}
