import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../support/needs.ts';
import { buildPreviousRelease } from '../support/previous-release.ts';
import { type Conversation, Conversations } from './support/conversations.ts';
import { Network } from './support/namespaces.ts';
import { Pair } from './support/pair.ts';
import { ROOT } from './support/program.ts';
import { expectWhole, report } from './support/system.ts';
import { download, upload } from './support/transfer.ts';

const BODY_BYTES = 6_000_000;
const CUT_AT_BYTES = 1_500_000;
const BACK_AT_BYTES = 3_000_000;
/** Pages and their parts, and questions that are answered when they are over. */
const CONVERSATIONS: readonly Conversation[] = [
  ...Array.from({ length: 40 }, () => ({ up: 200, down: 10_000 })),
  ...Array.from({ length: 4 }, () => ({ up: 100_000, down: 100_000, halfClose: true })),
];
/** Said on a connection that has been idle. */
const REMARK_BYTES = 50_000;
/** A client dials with back-off until there is a concentrator again: a second or two, and more where that takes its time to start. */
const COMES_BACK_IN_MS = 10_000;
/** The last part of the address with which the path comes back. */
const OTHER_HOST = 77;

const paths = [
  { name: 'wan0', downMbps: 30, upMbps: 30 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];

/** One end is upgraded before the other: a link of one release, and the frames of one, are those of the other. */
describe('the previous release', needs('network', 'previousRelease'), () => {
  let previous: Awaited<ReturnType<typeof buildPreviousRelease>>;

  beforeAll(async () => {
    previous = await buildPreviousRelease();
  }, 180_000);
  afterAll(() => previous?.remove());

  test.each([
    { old: 'client-proxy', title: 'its client works with the concentrator of today' },
    { old: 'server-concentrator', title: 'its concentrator works with the client of today' },
  ] as const)(
    '$title, through the loss of a path, its return, and a change of the concentrator',
    async ({ old }) => {
      const network = await Network.create({ paths, congestionControl: 'bbr' });
      const pair = await Pair.create(network, {
        'client-proxy': ROOT,
        'server-concentrator': ROOT,
        [old]: previous.folder,
      });
      let talks: Conversations | undefined;
      try {
        await pair.start();
        talks = await Conversations.start(pair);
        const idle = await talks.open();
        const transfers = [download(pair, BODY_BYTES), upload(pair, BODY_BYTES)];
        const wan0 = network.path('wan0');
        await Promise.all(transfers.map((transfer) => transfer.reached(CUT_AT_BYTES)));
        await wan0.linkDown();
        await Promise.all(transfers.map((transfer) => transfer.reached(BACK_AT_BYTES)));
        const since = pair.client.log.length;
        await wan0.linkUp(OTHER_HOST);
        await pair.untilUp(['wan0'], since);
        for (const transfer of transfers) await expectWhole(transfer, BODY_BYTES);
        // The session has outlived the fault: it is still the only one.
        expect(await pair.concentrator.metric('tributary_sessions')).toBe(1);
        expect(await talks.hold(CONVERSATIONS)).toEqual([]);
        expect(await talks.say(idle, REMARK_BYTES)).toBe('ok');

        // Now its concentrator becomes one of the other release.
        const then = pair.client.log.length;
        await pair.startConcentrator(old === 'server-concentrator' ? ROOT : previous.folder);
        const startedMs = performance.now();
        await pair.untilUp(['wan0', 'wan1'], then);
        const backMs = performance.now() - startedMs;
        report(`back ${backMs.toFixed(0)} ms after a concentrator of another release`);
        expect(backMs).toBeLessThan(COMES_BACK_IN_MS);
        const later = await talks.open();
        expect(await talks.hold(CONVERSATIONS)).toEqual([]);
        expect(await talks.say(later, REMARK_BYTES)).toBe('ok');
        expect(await pair.concentrator.metric('tributary_sessions')).toBe(1);
      } finally {
        talks?.stop();
        await pair.close();
        await network.close();
      }
    },
  );
});
