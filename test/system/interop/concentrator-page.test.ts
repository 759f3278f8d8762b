/*
 * The concentrator's page in Chromium, in the concentrator's namespace: what it shows of a real client beside what the metrics say,
 * what a fault looks like, and what it costs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../../support/browser.ts';
import { needs } from '../../support/needs.ts';
import { amountOf } from '../../support/page-amount.ts';
import { DESKTOP } from '../../support/page-screens.ts';
import { activityOf } from '../../support/wakes.ts';
import { describeSystem, expectWhole, report, type System } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const PAGE = 'http://127.0.0.1:9102/';
const BODY_BYTES = 8_000_000;
/** The page is told of each second; the session doubts a silent subflow within half of one. */
const MOST_VISIBLE_MS = 3_000;
const CPU_MS = 4_000;
const MOST_CORE_PERCENT = 2;

const paths = [
  { name: 'wan0', downMbps: 16, upMbps: 16 },
  { name: 'wan1', downMbps: 24, upMbps: 24 },
];
const NAMES = paths.map(({ name }) => name);

const uplink = (name: string) => `document.querySelector('[data-uplink="${name}"]')`;
const pillIs = (name: string, word: string) =>
  `${uplink(name)}.querySelector('.pill').textContent === '${word}'`;

describe('the page of the concentrator', needs('chromium'), () => {
  describeSystem('in Chromium', { paths, congestionControl: 'bbr' }, (system) => {
    let browser: Browser;
    beforeAll(async () => {
      const { network, pair } = system();
      await pair.start(NAMES.map((name) => ({ name, interface: name })));
      await pair.untilUp(NAMES);
      browser = await Browser.start((...args) => network.concentrator.spawn(...args));
      await browser.setScreen(DESKTOP);
      await browser.open(PAGE);
      await browser.until(`document.querySelector('.clients tbody')`);
      await browser.evaluate(`document.querySelector('.clients tbody button').click()`);
      await browser.until(NAMES.map((name) => pillIs(name, 'in use')).join(' && '));
    });
    afterAll(() => browser?.close());

    test('shows of a client what the metrics say', async () => {
      const { pair } = system();
      const metric = (name: string, labels: Record<string, string>) => pair.concentrator.metric(name, labels);
      const before = await carried();
      await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
      await sleep(2_500);
      const after = await carried();
      for (const name of NAMES) {
        const figures = await browser.evaluate<Record<string, string>>(
          `Object.fromEntries([...${uplink(name)}.querySelectorAll('dd')].map((dd) => [dd.dataset.figure, dd.textContent]))`,
        );
        const sent = await metric('tributary_uplink_bytes_total', { uplink: name, direction: 'sent' });
        const received = await metric('tributary_uplink_bytes_total', {
          uplink: name,
          direction: 'received',
        });
        report(`${name}: sent ${figures.sent} of ${sent} bytes, received ${figures.received} of ${received}`);
        expectNear(amountOf(figures.sent!), sent);
        expectNear(amountOf(figures.received!), received, 2_000);
        await expect
          .poll(
            async () => {
              const rttMs = (await metric('tributary_uplink_rtt_seconds', { uplink: name })) * 1_000;
              const text = await browser.evaluate<string>(
                `${uplink(name)}.querySelector('[data-figure=rtt]').textContent`,
              );
              return Math.abs(Number.parseFloat(text) - rttMs) / rttMs;
            },
            { timeout: 15_000, interval: 500 },
          )
          .toBeLessThan(0.05);
      }
      // What the chart is drawn of is what was carried while the page was open.
      report(`by the rates ${Math.round(after - before)} bytes of ${BODY_BYTES}`);
      expectNear(after - before, BODY_BYTES, 200_000);
    });

    test('shows a black hole within seconds, and that it has ended', async () => {
      const { pair, network } = system();
      const wan0 = network.path('wan0');
      const transfer = download(pair, 3 * BODY_BYTES);
      await transfer.reached(1_000_000);
      await wan0.blackHole();
      const stalledMs = await browser.until(pillIs('wan0', 'stalled'));
      await wan0.restore();
      const backMs = await browser.until(pillIs('wan0', 'in use'), 30_000);
      await expectWhole(transfer, 3 * BODY_BYTES);
      report(`visible: black hole after ${stalledMs.toFixed(0)} ms, its end after ${backMs.toFixed(0)} ms`);
      expect(stalledMs).toBeLessThan(MOST_VISIBLE_MS);
      // What was on it arrived because it was sent again, and what was on the other had to wait for it.
      const sentAgainMs = await meanMs(pair.concentrator, 'reinjection');
      const waitedMs = await meanMs(pair.client, 'reorder');
      report(
        `sent again until it arrived ${sentAgainMs.toFixed(0)} ms, waiting for earlier bytes ${waitedMs.toFixed(0)} ms`,
      );
      expect(sentAgainMs).toBeGreaterThan(1);
      expect(sentAgainMs).toBeLessThan(5_000);
      expect(waitedMs).toBeGreaterThan(0);
      expect(waitedMs).toBeLessThan(5_000);
    });

    test('costs the concentrator next to nothing, and nothing at all while it is hidden', async () => {
      const { pair } = system();
      const percent = async () => {
        const before = await activityOf(pair.concentrator.pid);
        const startMs = performance.now();
        await sleep(CPU_MS);
        const after = await activityOf(pair.concentrator.pid);
        return (100 * (after.ranMs - before.ranMs)) / (performance.now() - startMs);
      };
      const open = await percent();
      await setHidden(true);
      await sleep(1_500);
      const hidden = await percent();
      await setHidden(false);
      report(
        `the concentrator's share of a core: page open ${open.toFixed(2)} %, hidden ${hidden.toFixed(2)} %`,
      );
      expect(open - hidden).toBeLessThan(MOST_CORE_PERCENT);
      await browser.until(`document.querySelector('header .pill').textContent === 'ready'`);
    });

    test('tells when the client has gone', async () => {
      await system().pair.client.signal('SIGKILL');
      await browser.until(`document.querySelector('.clients tbody .pill')?.textContent === 'silent'`);
    });

    test('complains of nothing', () => {
      expect(browser.complaints).toEqual([]);
    });

    /** How long something took on average. */
    async function meanMs(end: System['pair']['client'], delay: string): Promise<number> {
      const [sum, count] = await Promise.all(
        ['sum', 'count'].map((part) => end.metric(`tributary_stream_${delay}_seconds_${part}`)),
      );
      return (sum! * 1_000) / count!;
    }

    /** Bytes down, by the rates of the seconds that the page is told of. */
    function carried(): Promise<number> {
      return browser.evaluate(
        `new Promise((resolve) => { const events = new EventSource('/events');
          events.addEventListener('history', ({ data }) => { events.close(); const { times, sum } = JSON.parse(data);
            resolve(sum.down.reduce((all, rate, i) => all + rate * (i === 0 ? 1 : (times[i] - times[i - 1]) / 1000), 0) / 8); }); })`,
      );
    }

    function setHidden(isHidden: boolean): Promise<unknown> {
      const set = `Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' })`;
      return browser.evaluate(
        `${isHidden ? set : 'delete document.visibilityState'}; document.dispatchEvent(new Event('visibilitychange'))`,
      );
    }
  });
});

/** Within 5 %, or `slack` of the same unit. */
function expectNear(shown: number, told: number, slack = 0): void {
  expect(Math.abs(shown - told), `${shown} is shown, ${told} is told`).toBeLessThanOrEqual(
    Math.max(slack, 0.05 * told),
  );
}
