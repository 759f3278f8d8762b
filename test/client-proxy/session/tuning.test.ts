import { expect, it, onTestFinished, vi } from 'vitest';
import { ClientSession } from '../../../client-proxy/session/client-session.ts';
import { FrameParser } from '../../../shared/protocol/codec/frame-parser.ts';
import { withTuning } from '../../../shared/protocol/session/core-tuning.ts';
import { Answered } from './answered.ts';
import { sessionOptions } from './session-options.ts';

it('reaches the session: an idle subflow is asked as often as it says', async () => {
  let pings = 0;
  class Counting extends Answered {
    readonly #parser = new FrameParser();
    override write(buffers: readonly Uint8Array[]): void {
      const onControl = ({ type }: { type: string }) => {
        if (type === 'ping') pings++;
      };
      if (this.isGreeted) for (const bytes of buffers) this.#parser.push(bytes, { onData() {}, onControl });
      super.write(buffers);
    }
  }
  const session = new ClientSession(
    {
      ...sessionOptions(),
      tuning: withTuning({ 'ping.intervalMs': 30 }),
      uplinks: [{ name: 'lan', binding: { kind: 'interface', interface: 'lan' }, backup: false }],
      backoff: { minMs: 10, maxMs: 10 },
      connect: async () => new Counting('192.168.1.2'),
    },
    { onSubflowUp() {}, onGoingAway() {}, onClosed() {} },
  );
  onTestFinished(() => session.close('goingAway'));
  session.start();
  // By default there is one a second.
  await vi.waitFor(() => expect(pings).toBeGreaterThan(2), { timeout: 1_300 });
});
