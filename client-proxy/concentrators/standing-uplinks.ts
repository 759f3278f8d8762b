import type { RateLimit } from '../../shared/protocol/uplink/rate-limit.ts';
import type { DialledUplink } from '../path-manager/uplink-role.ts';

/** What a concentrator is to the client at a time. */
export interface ConcentratorRole {
  /** It is kept ready and carries nothing. */
  readonly isStanding: boolean;
  /** Its share of what each uplink may carry, 0 to 1; all shares together are 1. */
  readonly rateShare: number;
}

/** An uplink, and what it costs, as far as that is said. */
type PricedUplink = DialledUplink & { readonly costPerGB?: number };

/**
 * The uplinks of one concentrator's sessions. One that is standing has a single subflow over the cheapest uplink, one that is not metered before
 * one that is, whatever that costs at this time, and dials another only when that one fails. The rate limit of an uplink holds for all sessions together, so each has a share of it.
 * @param isUsable whether an uplink may carry anything without need
 */
export function uplinksFor(
  uplinks: readonly PricedUplink[],
  { isStanding, rateShare }: ConcentratorRole,
  isUsable: (uplinkName: string) => boolean,
): readonly DialledUplink[] {
  const limited = uplinks.map((uplink) => withShare(uplink, rateShare));
  if (!isStanding) return limited;
  const [first, ...rest] = [...limited].sort(
    (one, other) =>
      Number(isUsable(other.name)) - Number(isUsable(one.name)) ||
      Number(one.backup) - Number(other.backup) ||
      Number(isMetered(one)) - Number(isMetered(other)) ||
      priceOf(one) - priceOf(other),
  );
  if (first === undefined) return [];
  const { joinAboveUtilization: _, ...always } = first;
  return [
    { ...always, ...STANDING, backup: false },
    ...rest.map((uplink) => ({
      ...uplink,
      ...STANDING,
      backup: true,
      standby: 'break-before-make' as const,
    })),
  ];
}

const STANDING = { subflowsPerPath: 1, isStanding: true } as const;
/** Beyond any price. */
const NOT_TOLD = 1e6;

function isMetered({ rateLimit }: PricedUplink): boolean {
  return rateLimit?.isMetered === true;
}

function priceOf(uplink: PricedUplink): number {
  return uplink.costPerGB ?? (isMetered(uplink) ? NOT_TOLD : 0);
}

function withShare(uplink: PricedUplink, share: number): PricedUplink {
  const { rateLimit } = uplink;
  if (rateLimit === undefined || share === 1) return uplink;
  return { ...uplink, rateLimit: shareOf(rateLimit, share) };
}

/** 0 stands for no limit. */
function shareOf(limit: RateLimit, share: number): RateLimit {
  const part = (bytesPerSecond: number) =>
    bytesPerSecond === 0 ? 0 : Math.max(1, Math.floor(bytesPerSecond * share));
  return {
    ...limit,
    sendBytesPerSecond: part(limit.sendBytesPerSecond),
    receiveBytesPerSecond: part(limit.receiveBytesPerSecond),
  };
}
