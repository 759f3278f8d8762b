import { expect, it } from 'vitest';
import { SIDES } from '../network.ts';
import { download } from '../steady.ts';
import { DatagramBed, TWIN } from './datagram-bed.ts';
import { FlowRun, VIDEO_CALL_DOWN, VIDEO_CALL_UP, VOICE } from './flow-run.ts';

/** That packets vanish is seen by then. */
const NOTICED_MS = 300;

it.each([
  ['a call', { client: VOICE, concentrator: VOICE }],
  ['a video call', { client: VIDEO_CALL_UP, concentrator: VIDEO_CALL_DOWN }],
] as const)(
  '%s goes on over the subflows where UDP passes no longer, beside a bulk download, too',
  (name, pace) => {
    const bed = new DatagramBed(TWIN);
    const { world, network } = bed;
    const through = new FlowRun(world, pace, 6_000);
    world.advance(2_000);
    network.carry = () => {};
    world.advance(6_000);
    const idle = new FlowRun(world, pace, 3_000);
    world.advance(4_000);
    world.openStream(download(1_000_000_000));
    world.advance(3_000);
    const beside = new FlowRun(world, pace, 5_000);
    world.advance(6_000);
    for (const side of SIDES) {
      const [change, before, after] = [through, idle, beside].map(({ meters }) => meters[side].figures);
      process.stdout.write(
        `${name} from ${side}: ${change!.longestGapMs.toFixed(0)} ms without any when UDP stops; p95 ${before!.p95Ms.toFixed(1)} ms, ` +
          `${after!.p95Ms.toFixed(1)} ms beside a download; ${after!.lossShare} lost\n`,
      );
      expect(change!.longestGapMs).toBeLessThan(NOTICED_MS);
      expect(before!.lossShare).toBe(0);
      expect(after!.lossShare).toBeLessThan(0.001);
      // A subflow's own queue is in front of it: a video call waits for some of the download.
      expect(after!.p95Ms).toBeLessThan(60);
    }
  },
);
