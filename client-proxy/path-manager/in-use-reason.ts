import type { LeftOut } from '../../shared/protocol/session/snapshot.ts';
import { leftOutText } from './left-out.ts';
import type { UplinkReason } from './uplink-cause.ts';

/**
 * What is to be said of an uplink in use. The word is of what matters most, the sentence of all.
 * @param packetBytes what passes at most, where longer packets vanish on the way
 */
export function inUseReason(leftOut: LeftOut | undefined, packetBytes: number | undefined): UplinkReason {
  const small =
    packetBytes === undefined
      ? undefined
      : `in use with packets of at most ${packetBytes} bytes: longer ones vanish on the way`;
  if (leftOut === undefined) {
    return small === undefined
      ? { cause: 'none', reason: 'in use' }
      : { cause: 'small-packets', reason: small };
  }
  const inUse = small === undefined ? 'in use,' : `${small};`;
  return { cause: 'beyond-limits', reason: `${inUse} but ${leftOutText(leftOut)}` };
}
