import type { Now } from '../../now.ts';
import { LossMeter } from '../../subflow/loss-meter.ts';
import type { Uplink } from '../../uplink/uplink.ts';
import { LateDatagrams } from './late-datagrams.ts';
import { LEAST_PACKET_BYTES, PacketSize } from './packet-size.ts';
import { arrivedRanges, type PathFeedback } from './path-feedback.ts';
import { PathLiveness } from './path-liveness.ts';
import { PathProbes } from './path-probes.ts';
import { PathQueue } from './path-queue.ts';
import { PathRate } from './path-rate.ts';
import { PathRecord } from './path-record.ts';
import type { PathSnapshot, PathState } from './path-snapshot.ts';
import { PathTimes } from './path-times.ts';
import { DATAGRAM_PATH_TUNING, type DatagramPathTuning } from './path-tuning.ts';
import { PathUse } from './path-use.ts';
import { SentPackets } from './sent-packets.ts';
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
  readonly times: PathTimes;
  readonly liveness: PathLiveness;
  readonly queue: PathQueue;
  readonly use: PathUse;
  readonly probes: PathProbes;
  readonly #now: Now;
  readonly #tuning: DatagramPathTuning;
  readonly #record: PathRecord;
  readonly #sent: SentPackets;
  readonly #rate: PathRate;
  readonly #loss: LossMeter;
  readonly #size: PacketSize;
  readonly #late = new LateDatagrams();
  readonly #counts = { sentPackets: 0, sentBytes: 0, confirmedPackets: 0, lostPackets: 0 };

  /**
   * @param firstCounter of its first packet: a number that is used again goes on counting (SPEC.md section 13)
   * @param record counts what it meets among what its uplink's paths have met
   */
  constructor(
    id: number,
    uplink: Uplink,
    now: Now,
    tuning: DatagramPathTuning = DATAGRAM_PATH_TUNING,
    firstCounter = 1,
    record = new PathRecord(),
  ) {
    this.id = id;
    this.#record = record;
    this.uplink = uplink;
    this.#now = now;
    this.#tuning = tuning;
    this.#sent = new SentPackets(firstCounter);
    this.times = new PathTimes(now, tuning);
    this.#rate = new PathRate(now);
    this.#loss = new LossMeter(now, LOSS_OF_PACKETS);
    this.#size = new PacketSize(now);
    this.queue = new PathQueue(this, now);
    this.use = new PathUse(this, now);
    this.liveness = new PathLiveness(this.#sent, this.times, now, tuning);
    this.probes = new PathProbes(this.liveness, uplink, now);
  }

  // --- how it is ---

  /** Validated, and not silent. */
  get isUsable(): boolean {
    return this.liveness.isValidated && !this.liveness.isSilent;
  }

  /** Whether the peer may not hear what is sent there: feedback about the other direction should travel on another path, too. */
  get isDoubted(): boolean {
    return !this.liveness.isValidated || this.liveness.isLate;
  }

  /** Whether its uplink's subflows must stand in: nothing comes through, while something does on them. */
  get isBlocked(): boolean {
    const { isValidated, isSilent, unheardMs } = this.liveness;
    if (!isValidated) return true;
    if (unheardMs < this.#tuning.blockedMs || !isSilent) return false;
    return this.uplink.subflows.some(
      ({ state, liveness }) => state === 'active' && liveness.sinceHeardMs < unheardMs / 2,
    );
  }

  /** The share of packets that were lost of late, 0 to 1. */
  get lossShare(): number {
    return this.#loss.share;
  }

  /** What it is believed to carry, bytes per second. */
  get bytesPerSecond(): number {
    return this.#rate.bytesPerSecond(this.times.minMs, provenBytesPerSecond(this.uplink));
  }

  /** Whether that is known from packets that have met its limit. */
  get isRateLimited(): boolean {
    return this.#rate.isLimited;
  }

  /** Neither confirmed nor lost. */
  get inFlightBytes(): number {
    return this.#sent.inFlightBytes;
  }

  /** Longest UDP payload that may be sent there now. A message is 32 bytes shorter (header and tag). */
  get maxPacketBytes(): number {
    return this.#size.bytes;
  }

  /** Of the next packet. */
  get nextCounter(): number {
    return this.#sent.nextCounter;
  }

  // --- what happens to it ---

  /** A packet leaves with `nextCounter`. @returns its counter */
  onSent({ packetBytes, wantsFeedback, isProbe = false, datagram }: SentMessage): number {
    const nowMs = this.#now.ms;
    const counter = this.#sent.add(nowMs, packetBytes, wantsFeedback);
    this.#counts.sentPackets++;
    this.#counts.sentBytes += packetBytes;
    this.uplink.bucket?.spendOnWire(packetBytes + HEADERS_BYTES);
    // What is long may be all that does not arrive.
    if (wantsFeedback && (isProbe || packetBytes <= LEAST_PACKET_BYTES)) this.probes.onSent(isProbe);
    if (datagram !== undefined) this.#late.add(counter, nowMs, datagram);
    return counter;
  }

  onFeedback(feedback: PathFeedback): void {
    const { largest, delayMs } = feedback;
    if (largest >= this.#sent.nextCounter) return;
    this.liveness.onFeedback();
    const { isLate } = this.liveness;
    this.times.onFeedback();
    if (isLate) this.times.onLate(this.#sent.nextCounter - 1);
    let newestSentMs: number | undefined;
    let isNews = false;
    const onConfirmed = (counter: number, sentMs: number, bytes: number) => {
      this.#counts.confirmedPackets++;
      this.#rate.onConfirmed(bytes);
      this.#size.onArrived(bytes);
      this.#late.confirm(counter);
      if (counter === largest) newestSentMs = sentMs;
      isNews = true;
    };
    for (const [low, high] of arrivedRanges(feedback, this.#sent.oldestCounter)) {
      this.#sent.confirm(low, high, onConfirmed);
    }
    if (!isNews) return;
    this.liveness.onConfirmed();
    this.probes.onHeard();
    this.#size.start();
    if (newestSentMs !== undefined) this.#onNewest(largest, newestSentMs, delayMs);
    this.#settle();
  }

  /** The kernel took none of this length. */
  onTooLong(packetBytes: number): void {
    this.#size.onTooLong(packetBytes);
  }

  /** PATH messages that are due now. The caller sends each, and tells of it by `onSent`. */
  takeProbes(): readonly ProbeOrder[] {
    const lengths = this.liveness.isValidated ? this.#size.takeProbes() : [];
    if (lengths.length > 0) return lengths.map((packetBytes) => ({ packetBytes }));
    return this.#now.ms >= this.probes.nextMs ? [{ packetBytes: 0 }] : [];
  }

  /** Datagrams that are late on it and were confirmed nowhere: each is to be sent once more where `FlowSteering.chooseAgain` says. */
  takeLate(): readonly TrackedDatagram[] {
    const nowMs = this.#now.ms;
    this.#settle();
    if (this.#late.oldestMs === undefined) return [];
    const late = this.#late.take(this.#sent, this.times, this.#reorderMs, nowMs);
    const oldestMs = nowMs - this.times.mostAnswerMs - this.#tuning.resendMs;
    return late.filter(({ sentMs }) => sentMs >= oldestMs);
  }

  /** When `takeProbes` or `takeLate` is wanted again though nothing else happens. */
  get deadlineMs(): number {
    const { oldestMs } = this.#late;
    const lateMs = oldestMs === undefined ? Number.POSITIVE_INFINITY : this.times.lateAtMs(oldestMs);
    const sizeMs = this.liveness.isValidated ? this.#size.nextMs : Number.POSITIVE_INFINITY;
    // A path that is about to be late is asked from then on.
    const { isLate, lateAtMs } = this.liveness;
    const { nextMs } = this.probes;
    const askMs = isLate ? nextMs : Math.min(nextMs, lateAtMs);
    return Math.max(this.#now.ms, Math.min(lateMs, sizeMs, askMs));
  }

  snapshot(): PathSnapshot {
    const { sentPackets, sentBytes, lostPackets } = this.#counts;
    return {
      path: this.id,
      uplink: this.uplink.name,
      state: stateOf(this.liveness),
      rttMs: this.times.isMeasured ? this.times.currentMs : undefined,
      jitterMs: this.times.isMeasured ? this.times.jitterMs : undefined,
      lossShare: this.lossShare,
      sentPackets,
      sentBytes,
      lostPackets,
      deliveredBytesPerSecond: this.#rate.deliveredBytesPerSecond,
      maxPacketBytes: this.maxPacketBytes,
    };
  }

  get #reorderMs(): number {
    return Math.max(this.#tuning.reorderMs, this.times.jitterMs);
  }

  #onNewest(counter: number, sentMs: number, delayMs: number | undefined): void {
    const { times } = this;
    const answerMs = this.#now.ms - sentMs;
    times.onAnswer(counter, answerMs, delayMs);
    if (delayMs === undefined) return;
    this.#record.roundTrips.add(answerMs - delayMs);
    this.#record.queueing.add(Math.max(0, answerMs - delayMs - times.minMs));
    this.#rate.onNewest(counter, sentMs, this.#now.ms - delayMs, times.currentMs - times.minMs);
    this.queue.onRoundTrip(answerMs - delayMs - times.minMs, this.#sent.inFlightBytesAt(counter));
  }

  #settle(): void {
    this.#sent.settle(this.#reorderMs, this.#now.ms - this.#tuning.forgetMs, (bytes) => {
      this.#counts.lostPackets++;
      this.#record.lostPackets++;
      this.#size.onLost(bytes);
    });
    const { confirmedPackets, lostPackets } = this.#counts;
    this.#loss.onCounts(confirmedPackets + lostPackets, lostPackets);
  }
}

/** A call's packets show a loss of some percent within a second or two. */
const LOSS_OF_PACKETS = { spanPackets: 50, forgetMs: 10_000, negligibleShare: 0.001 };
/** Of UDP and IPv4. */
const HEADERS_BYTES = 28;
/** What the uplink's subflows are known to carry together, bytes per second; 0 where none was busy. */
export function provenBytesPerSecond({ subflows }: Uplink): number {
  let sum = 0;
  for (const { isRateProven, congestion, state } of subflows) {
    if (isRateProven && state === 'active') sum += congestion.bytesPerSecond;
  }
  return sum;
}

function stateOf({ isValidated, isSilent, isLate }: PathLiveness): PathState {
  if (!isValidated) return 'unvalidated';
  if (isSilent) return 'silent';
  return isLate ? 'late' : 'working';
}
