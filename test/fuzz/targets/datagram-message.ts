import {
  DatagramReader,
  decodeFeedback,
  decodePath,
  encodeAnnouncement,
  encodeDatagramHead,
  encodeFeedback,
  encodePath,
} from '../../../shared/protocol/codec/datagram-message.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';

const TOKEN = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** One message of a packet, of any kind: nothing is thrown, and what is read says the same when it is written again. */
export const datagramMessage: FuzzTarget = {
  name: 'datagram-message',
  maxBytes: 512,
  seeds: () => [
    encodePath({ uplinkName: 'wifi' }, 200),
    encodePath({ uplinkName: '', token: TOKEN }, 64),
    encodeFeedback({ path: 1, delayMs: 2, largest: 9, packets: 7, firstRun: 3, gaps: [{ gap: 2, run: 4 }] }),
    encodeFeedback({ path: 1, delayMs: 2, largest: 9, packets: 9, firstRun: 8, gaps: [], token: TOKEN }),
    encodeDatagramHead(7, 1, true, undefined, { index: 1, count: 3 }),
    encodeDatagramHead(
      1,
      2,
      false,
      encodeAnnouncement({ associationId: 1, mode: 0, host: 'a.example', port: 53 }),
    ),
  ],
  run(input) {
    decodePath(input);
    const feedback = decodeFeedback(input);
    if (feedback !== undefined) {
      const again = decodeFeedback(encodeFeedback(feedback));
      promise(JSON.stringify(again) === JSON.stringify(feedback), 'feedback reads otherwise the second time');
    }
    const reader = new DatagramReader();
    if (!reader.read(input)) return;
    const { flowId, sequence, isSpread, announcement, partIndex, partCount, payload } = reader;
    promise(partIndex < partCount, `part ${partIndex} of ${partCount}`);
    const head = encodeDatagramHead(
      flowId,
      sequence,
      isSpread,
      announcement && encodeAnnouncement(announcement),
      partCount > 1 ? { index: partIndex, count: partCount } : undefined,
    );
    const again = new DatagramReader();
    promise(again.read(Buffer.concat([head, payload])), 'what is written again is not read');
    const [one, other] = [reader, again].map((each) =>
      JSON.stringify({ ...each, payload: [...each.payload] }),
    );
    promise(one === other, `a datagram reads otherwise the second time:\n${one}\n${other}`);
  },
};
