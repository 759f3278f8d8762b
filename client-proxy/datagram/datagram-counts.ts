/** Why a datagram of an application, or one for it, was dropped. */
export const DATAGRAM_DROPS = [
  /** What an application sent has no header that can be read. */
  'malformed',
  /** It is a fragment (RFC 1928 section 7), which nobody puts together. */
  'fragment',
  /** It comes from another address or port than the application's. */
  'otherSource',
  /** It was redirected, and would lead back here. */
  'loop',
  /** A rule blocks it. */
  'blocked',
  /** There is no session that carries datagrams. */
  'noSession',
  /** The concentrator has refused the flow, or ended it with an error, a moment ago. */
  'refused',
  /** The session takes no more flows or associations. */
  'noRoom',
  /** No uplink could carry it directly. */
  'directFailed',
  /** With its header it is longer than UDP can carry to the application. */
  'tooLong',
  /** The application takes what comes too slowly. */
  'slowApplication',
] as const;
export type DatagramDrop = (typeof DATAGRAM_DROPS)[number];

/** Datagrams in one direction. */
export interface DatagramTotals {
  datagrams: number;
  bytes: number;
}

/** What is counted of datagrams as it happens; the metrics read it when they are scraped. */
export class DatagramCounts {
  /** From applications, and on their way. Without headers. */
  readonly sent: DatagramTotals = { datagrams: 0, bytes: 0 };
  /** For applications. */
  readonly received: DatagramTotals = { datagrams: 0, bytes: 0 };
  readonly drops = Object.fromEntries(DATAGRAM_DROPS.map((reason) => [reason, 0])) as Record<
    DatagramDrop,
    number
  >;
  /** Flows that were begun, by what the rules have decided. */
  readonly flows: Record<'steer' | 'direct' | 'block', number> = { steer: 0, direct: 0, block: 0 };
  /** Flows that were ended before their time, since an application, or all of them together, had too many. */
  displacedFlows = 0;
  /** Associations with the concentrator that were ended because there were too many; those of applications go on. */
  displacedAssociations = 0;

  drop(reason: DatagramDrop): void {
    this.drops[reason]++;
  }
}

/** Counts a datagram in a direction. */
export function countDatagram(totals: DatagramTotals, payload: Uint8Array): void {
  totals.datagrams++;
  totals.bytes += payload.length;
}
