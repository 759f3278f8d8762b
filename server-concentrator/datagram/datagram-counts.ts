import { ResultCounts } from '../../shared/runtime/observe/result-counts.ts';

/** Why a datagram between a client and an origin was dropped at the concentrator's side of the origin. */
export const ORIGIN_DROPS = [
  /** From an address that the association has not sent to. */
  'unsolicited',
  /** For its flow there is no place: `flowsPerClient`, or too many ports of an address that nobody has asked. */
  'flow-limit',
  /** From a port that the egress policy closes. */
  'forbidden',
  /** Too many before it was known where they go. */
  'early',
  /** Its flow was refused. */
  'refused',
  /** Beyond the rate of its client. */
  'rate-limit',
  'busy',
  'too-long',
  'send-failed',
] as const;

type OriginDrop = (typeof ORIGIN_DROPS)[number];

/** What happens at the ports of associations, for the metrics. */
export class DatagramCounts {
  /** Flows that clients have begun: `ok`, or the name of the error. */
  readonly opens = new ResultCounts('ok');
  readonly drops = new ResultCounts(...ORIGIN_DROPS);
  /** Flows begun for what came from a port that no flow led to. */
  begunHere = 0;

  drop(reason: OriginDrop): void {
    this.drops.add(reason);
  }
}
