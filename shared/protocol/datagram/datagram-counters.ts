import type { DropReason as SteeringDropReason } from './steering/carrier.ts';

/** Why a datagram, or a packet, came to nothing at this end. */
export type DatagramDrop =
  | SteeringDropReason
  /** More than so many parts carry. */
  | 'too-long'
  /** Its flow is not open, or not known. */
  | 'unknown-flow'
  /** It, or its packet, has come before, or is older than what is remembered. */
  | 'repeated'
  /** A message that says nothing right. */
  | 'malformed'
  /** On a path that this end does not have. */
  | 'unknown-path'
  /** Some of its parts have not come in time, or there was no room for them. */
  | 'incomplete'
  /** It has waited on a subflow for too long, or was one too many there. */
  | 'subflow-late'
  /** More were sent in one turn than packets may wait. */
  | 'turn-full';

/** What has left and come since the session began. Bytes are those of payloads. */
export interface DatagramCounters {
  sentDatagrams: number;
  sentBytes: number;
  receivedDatagrams: number;
  receivedBytes: number;
  /** Datagrams that left over more than one carrier, and bytes of the further copies; */
  doubledDatagrams: number;
  doubledBytes: number;
  /** and those that left once more later. */
  resentDatagrams: number;
  resentBytes: number;
  /** Messages that left on subflows. */
  sentFrames: number;
  readonly drops: Record<DatagramDrop, number>;
}

export function newDatagramCounters(): DatagramCounters {
  return {
    sentDatagrams: 0,
    sentBytes: 0,
    receivedDatagrams: 0,
    receivedBytes: 0,
    doubledDatagrams: 0,
    doubledBytes: 0,
    resentDatagrams: 0,
    resentBytes: 0,
    sentFrames: 0,
    drops: {
      'no-uplink': 0,
      'queue-full': 0,
      'too-long': 0,
      'unknown-flow': 0,
      repeated: 0,
      malformed: 0,
      'unknown-path': 0,
      incomplete: 0,
      'subflow-late': 0,
      'turn-full': 0,
    },
  };
}
