import type { ConfiguredConcentrator } from '../config/client-config.ts';
import type { Publisher } from '../publish/publisher.ts';
import type { SessionKeeper } from '../session/session-keeper.ts';
import type { SessionSecrets } from '../session/session-secrets.ts';
import type { UplinkConnector } from '../uplink/uplink-connector.ts';
import type { ConcentratorView } from './concentrator-choice.ts';

/** One concentrator, with what keeps a session with it. */
export interface Concentrator {
  /** As it is now. */
  readonly configured: ConfiguredConcentrator;
  readonly secrets: SessionSecrets;
  readonly connector: UplinkConnector;
  readonly publisher: Publisher;
  readonly keeper: SessionKeeper;
}

/** Who makes them. What happens in one is told with its name. */
export type MakeConcentrator = (
  configured: ConfiguredConcentrator,
  events: ConcentratorEvents,
) => Concentrator;

export interface ConcentratorEvents {
  /** The states of its uplinks may be others now. */
  onReviewed(): void;
  /** Whether a stream that is opened now finds a session may be otherwise. */
  onChanged(): void;
}

/** How the concentrator is now, by what its session measures. */
export function viewOf(
  name: string,
  keeper: Pick<SessionKeeper, 'isReachable' | 'current'>,
): ConcentratorView {
  const ways = new Map<string, { roundTripMs: number; lossShare: number }>();
  for (const { uplinkName, isMeasured, state, minRttMs, lossShare = 0 } of keeper.current?.snapshot()
    .subflows ?? []) {
    if (!isMeasured || state !== 'active') continue;
    const known = ways.get(uplinkName);
    if (known !== undefined && known.roundTripMs <= minRttMs) continue;
    ways.set(uplinkName, { roundTripMs: minRttMs, lossShare });
  }
  const { isReachable, current } = keeper;
  const isReady = current?.hasSubflow === true && current.cannotOpen !== 'goingAway';
  return { name, isReachable, isSilent: !isReachable && isReady, ways };
}

/** Whether it opens a stream without a wait. */
export function takesNow({ current }: Concentrator['keeper']): boolean {
  return current?.hasSubflow === true && current.cannotOpen === undefined;
}
