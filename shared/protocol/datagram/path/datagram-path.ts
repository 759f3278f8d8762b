import type { Now } from '../../now.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import type { PathFeedback } from './path-feedback.ts';
import type { PathSnapshot } from './path-snapshot.ts';
import { DATAGRAM_PATH_TUNING, type DatagramPathTuning } from './path-tuning.ts';
import type { TrackedDatagram } from './tracked-datagram.ts';

/** A message that leaves on a path. */
export interface SentMessage {
  /** Bytes of the whole UDP payload. */
  readonly packetBytes: number;
  /** Any but FEEDBACK. */
  readonly wantsFeedback: boolean;
  /** For a PATH message. */
  readonly isProbe?: boolean;
  /** What it carries, where `Choice.isTracked` asks for it; not for one of several parts. */
  readonly datagram?: TrackedDatagram;
}

/** A PATH message that is due. */
export interface ProbeOrder {
  /** Zeros fill it until the whole UDP payload has so many bytes; 0: as short as it is. */
  readonly packetBytes: number;
}

/** One path as this end sends on it: what is under way, how fast it is, whether it can be heard, how long packets may be. */
export class DatagramPath {
  readonly id: number;
  readonly uplink: Uplink;
  readonly #now: Now;
  readonly #tuning: DatagramPathTuning;
  #lastCounter: number;
  #isValidated = false;

  /** @param firstCounter of its first packet: a number that is used again goes on counting (SPEC.md section 13) */
  constructor(
    id: number,
    uplink: Uplink,
    now: Now,
    tuning: DatagramPathTuning = DATAGRAM_PATH_TUNING,
    firstCounter = 1,
  ) {
    this.id = id;
    this.uplink = uplink;
    this.#now = now;
    this.#tuning = tuning;
    this.#lastCounter = firstCounter - 1;
  }

  /** The peer has given feedback about it, and is not silent there. */
  get isUsable(): boolean {
    return this.#isValidated;
  }

  /** Whether what this end sends there is late, or not validated: the peer may not hear it. Feedback should then travel on another path, too. */
  get isDoubted(): boolean {
    return !this.#isValidated;
  }

  /** Longest UDP payload that may be sent there now. A message is 32 bytes shorter (header and tag). */
  get maxPacketBytes(): number {
    return this.#tuning.basePacketBytes;
  }

  /** Of the next packet. */
  get nextCounter(): number {
    return this.#lastCounter + 1;
  }

  /** A packet leaves with `nextCounter`. @returns its counter */
  onSent(_message: SentMessage): number {
    return ++this.#lastCounter;
  }

  onFeedback({ largest }: PathFeedback): void {
    if (largest <= this.#lastCounter) this.#isValidated = true;
  }

  /** The kernel took none of this length. */
  onTooLong(_packetBytes: number): void {}

  /** PATH messages that are due now. The caller sends each, and tells of it by `onSent`. */
  takeProbes(): readonly ProbeOrder[] {
    return this.#isValidated ? [] : [{ packetBytes: 0 }];
  }

  /** Datagrams that are late on it and were confirmed nowhere: each is to be sent once more where `FlowSteering.chooseAgain` says. */
  takeLate(): readonly TrackedDatagram[] {
    return [];
  }

  /** When `takeProbes` or `takeLate` is wanted again though nothing else happens. */
  get deadlineMs(): number {
    return this.#isValidated ? Number.POSITIVE_INFINITY : this.#now.ms + 100;
  }

  snapshot(): PathSnapshot {
    return {
      path: this.id,
      uplink: this.uplink.name,
      state: this.#isValidated ? 'working' : 'unvalidated',
      rttMs: undefined,
      jitterMs: undefined,
      lossShare: 0,
      sentPackets: 0,
      sentBytes: 0,
      lostPackets: 0,
      deliveredBytesPerSecond: 0,
      maxPacketBytes: this.maxPacketBytes,
    };
  }
}
