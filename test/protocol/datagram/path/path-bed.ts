import { DatagramPath, type SentMessage } from '../../../../shared/protocol/datagram/path/datagram-path.ts';
import type { TrackedDatagram } from '../../../../shared/protocol/datagram/path/tracked-datagram.ts';
import type { Uplink } from '../../../../shared/protocol/uplink/uplink.ts';
import { newUplink } from '../../new-subflow.ts';
import { TestClock } from '../../test-clock.ts';

/** A path, and a peer that gives feedback about each packet at once, a round trip after it was sent. */
export class PathBed {
  readonly clock: TestClock;
  readonly path: DatagramPath;
  rttMs = 40;

  constructor(uplinkOrName: Uplink | string = 'wifi', clock = new TestClock()) {
    this.clock = clock;
    const uplink = typeof uplinkOrName === 'string' ? newUplink(uplinkOrName, clock) : uplinkOrName;
    this.path = new DatagramPath(0, uplink, clock);
  }

  send(message: Partial<SentMessage> & { readonly datagram?: TrackedDatagram } = {}): number {
    return this.path.onSent({ packetBytes: 200, wantsFeedback: true, ...message });
  }

  /** All up to here has arrived; but for a gap, if it is given, that ends right below `gapTo`. */
  confirm(largest: number, gap = 0, gapTo = largest): void {
    const firstRun = gap === 0 ? largest - 1 : largest - gapTo;
    const run = gapTo - gap - 1;
    this.path.onFeedback({
      largest,
      delayMs: 0,
      packets: largest - gap,
      firstRun,
      gaps: gap === 0 ? [] : [{ gap, run }],
    });
  }

  /** So many packets, one after the other, each with its feedback. */
  exchange(count: number, gapMs = 20): void {
    for (let i = 0; i < count; i++) {
      const counter = this.send();
      this.clock.ms += this.rttMs;
      this.confirm(counter);
      this.clock.ms += Math.max(0, gapMs - this.rttMs);
    }
  }
}
