/*
 * The client's page in Chromium, in the client's namespace: what it shows beside what the metrics say, what a fault looks like, and
 * whether everybody can use it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../../support/browser.ts';
import { needs } from '../../support/needs.ts';
import { amountOf } from '../../support/page-amount.ts';
import { DESKTOP, expectForEverybody } from '../../support/page-screens.ts';
import { activityOf } from '../../support/wakes.ts';
import { describeSystem, expectWhole, report } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const PAGE = 'http://127.0.0.1:9101/';
const BODY_BYTES = 8_000_000;
const MOST_PAGE_BYTES = 150_000;
/** The page tells of each second; the session doubts a silent subflow within half of one. */
const MOST_VISIBLE_MS = 3_000;
const CPU_MS = 4_000;
const MOST_CORE_PERCENT = 2;

const paths = [
  { name: 'wan0', downMbps: 16, upMbps: 16 },
  { name: 'wan1', downMbps: 24, upMbps: 24 },
];
const NAMES = paths.map(({ name }) => name);

const card = (name: string) => `document.querySelector('[data-uplink="${name}"]')`;
const pillIs = (name: string, ...words: string[]) =>
  `${JSON.stringify(words)}.includes(${card(name)}.querySelector('.pill').textContent)`;

describe('the page', needs('chromium'), () => {
  describeSystem('in Chromium', { paths, congestionControl: 'bbr' }, (system) => {
    let browser: Browser;
    beforeAll(async () => {
      const { network, pair } = system();
      await pair.start(NAMES.map((name) => ({ name, interface: name })));
      await pair.untilUp(NAMES);
      browser = await Browser.start((...args) => network.client.spawn(...args));
      await browser.setScreen(DESKTOP);
      await browser.open(PAGE);
      await browser.until(NAMES.map((name) => pillIs(name, 'in use')).join(' && '));
    });
    afterAll(() => browser?.close());

    test('is small, and comes from the client alone', async () => {
      const entries = await browser.evaluate<{ name: string; decodedBodySize: number }[]>(
        `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
          .map(({ name, decodedBodySize }) => ({ name, decodedBodySize }))`,
      );
      const bytes = entries.reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0);
      report(`the page: ${entries.length} files, ${bytes} bytes`);
      expect(entries.filter(({ name }) => !name.startsWith(PAGE))).toEqual([]);
      expect(bytes).toBeGreaterThan(50_000);
      expect(bytes).toBeLessThan(MOST_PAGE_BYTES);
    });

    test('shows what the metrics say', async () => {
      const { pair } = system();
      const metric = (name: string, labels: Record<string, string>) => pair.client.metric(name, labels);
      await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
      // The last second is told, too.
      await sleep(2_500);
      const shown = await browser.evaluate<Record<string, Record<string, string>>>(
        `Object.fromEntries([...document.querySelectorAll('.card')].map((card) => [card.dataset.uplink,
          Object.fromEntries([...card.querySelectorAll('dd')].map((dd) => [dd.dataset.figure, dd.textContent]))]))`,
      );
      const history = await browser.evaluate<Record<string, number>>(
        `fetchHistory().then(({ times, uplinks }) => Object.fromEntries(uplinks.map(({ name, down }) =>
          [name, down.reduce((sum, rate, i) => sum + rate * (i === 0 ? 1 : (times[i] - times[i - 1]) / 1000), 0) / 8])));
        function fetchHistory() { return new Promise((resolve) => { const events = new EventSource('/events');
          events.addEventListener('history', ({ data }) => { events.close(); resolve(JSON.parse(data)); }); }); }`,
      );
      for (const uplink of NAMES) {
        const received = await metric('tributary_uplink_bytes_total', { uplink, direction: 'received' });
        const sent = await metric('tributary_uplink_bytes_total', { uplink, direction: 'sent' });
        const figures = shown[uplink]!;
        report(
          `${uplink}: received ${figures.received} of ${received} bytes, by the rates ${Math.round(history[uplink]!)}`,
        );
        expectNear(amountOf(figures.received!), received);
        expectNear(amountOf(figures.sent!), sent, 1_000);
        // What the chart shows is what was carried since the client began, but for the handshakes before the first sample.
        expectNear(history[uplink]!, received, 20_000);
        // It moves with each receipt, and the page may be a second behind.
        await expect
          .poll(
            async () => {
              const rttMs = (await metric('tributary_uplink_rtt_seconds', { uplink })) * 1_000;
              const text = await browser.evaluate<string>(
                `${card(uplink)}.querySelector('[data-figure=rtt]').textContent`,
              );
              return Math.abs(Number.parseFloat(text) - rttMs) / rttMs;
            },
            { timeout: 15_000, interval: 500 },
          )
          .toBeLessThan(0.05);
      }
    });

    test('shows a black hole and a link that is down within seconds, and that they have ended', async () => {
      const { pair, network } = system();
      const wan0 = network.path('wan0');
      const transfer = download(pair, 3 * BODY_BYTES);
      await transfer.reached(1_000_000);
      await wan0.blackHole();
      const stalledMs = await browser.until(pillIs('wan0', 'stalled', 'down'));
      await wan0.restore();
      const backMs = await browser.until(pillIs('wan0', 'in use'), 30_000);
      await expectWhole(transfer, 3 * BODY_BYTES);
      await browser.until(`/wan0 +silent .* nothing lost/.test(document.querySelector('.faults').innerText)`);
      await wan0.linkDown();
      const downMs = await browser.until(pillIs('wan0', 'down'));
      const reason = await browser.evaluate<string>(`${card('wan0')}.querySelector('.reason').textContent`);
      await wan0.linkUp();
      await browser.until(pillIs('wan0', 'in use'), 30_000);
      report(
        `visible: black hole after ${stalledMs.toFixed(0)} ms, its end after ${backMs.toFixed(0)} ms, link down after ${downMs.toFixed(0)} ms (${reason.trim()})`,
      );
      expect(stalledMs).toBeLessThan(MOST_VISIBLE_MS);
      expect(downMs).toBeLessThan(MOST_VISIBLE_MS);
    });

    test('is for everybody: no violation that axe finds, on a phone and a desktop, in dark and light', async () => {
      await expectForEverybody(browser);
      // A keyboard reaches what there is to choose.
      await browser.evaluate(`document.querySelector('input[name=direction]').focus()`);
      expect(await browser.evaluate('document.activeElement.name')).toBe('direction');
    });

    test('costs the client next to nothing, and nothing at all while it is hidden', async () => {
      const { pair } = system();
      const percent = async () => {
        const before = await activityOf(pair.client.pid);
        const startMs = performance.now();
        await sleep(CPU_MS);
        const after = await activityOf(pair.client.pid);
        return (100 * (after.ranMs - before.ranMs)) / (performance.now() - startMs);
      };
      const open = await percent();
      await browser.evaluate(
        `Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
         document.dispatchEvent(new Event('visibilitychange'))`,
      );
      const changes = await changesOfThePage();
      const hidden = await percent();
      await browser.evaluate(
        `delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange'))`,
      );
      report(`the client's share of a core: page open ${open.toFixed(2)} %, hidden ${hidden.toFixed(2)} %`);
      expect(changes).toBe(0);
      expect(open - hidden).toBeLessThan(MOST_CORE_PERCENT);
      await browser.until(`document.querySelector('header .pill').textContent === 'ready'`);
    });

    test('complains of nothing', () => {
      expect(browser.complaints).toEqual([]);
    });

    /** How often the page changes in two seconds and a half. */
    function changesOfThePage(): Promise<number> {
      return browser.evaluate(
        `new Promise((resolve) => { let told = 0; const watcher = new MutationObserver(() => { told += 1; });
          watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
          setTimeout(() => { watcher.disconnect(); resolve(told); }, 2_500); })`,
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
