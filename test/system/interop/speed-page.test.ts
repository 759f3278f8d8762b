/*
 * The speed test of the client's page in Chromium: its warning, its progress, its result beside what the links carry, and whether
 * everybody can use it.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SpeedTestsState } from '../../../client-proxy/speedtest/speed-tests.ts';
import { Browser } from '../../support/browser.ts';
import { needs } from '../../support/needs.ts';
import { DESKTOP, expectForEverybody } from '../../support/page-screens.ts';
import { describeSystem, report } from '../support/system.ts';

const PAGE = 'http://127.0.0.1:9101/#speed';
const paths = [
  { name: 'dsl', downMbps: 16, upMbps: 4 },
  { name: 'lte', downMbps: 24, upMbps: 12 },
];
/** Eight measurements of three seconds, twice what they take on a machine of its own. */
const LONGEST_MS = 60_000;

const textOf = (selector: string) => `(document.querySelector('${selector}')?.textContent ?? '')`;
const press = (text: string) =>
  `[...document.querySelectorAll('button')].find((one) => one.textContent === '${text}').click()`;
const hasButton = (text: string) =>
  `[...document.querySelectorAll('button')].some((one) => one.textContent === '${text}')`;
const STATE = `fetch('/data/speed').then((answer) => answer.json())`;

describe('the speed test of the page', { timeout: 2 * LONGEST_MS, ...needs('chromium') }, () => {
  describeSystem('in Chromium', { paths, congestionControl: 'cubic' }, (system) => {
    let browser: Browser;
    beforeAll(async () => {
      const { network, pair } = system();
      await pair.start([
        { name: 'dsl', interface: 'dsl' },
        { name: 'lte', interface: 'lte', metered: {} },
      ]);
      browser = await Browser.start((...args) => network.client.spawn(...args));
      await browser.setScreen(DESKTOP);
      await browser.open(PAGE);
      await browser.until(hasButton('Start'));
    });
    afterAll(() => browser?.close());

    const state = () => browser.evaluate<SpeedTestsState>(STATE);

    test('warns before a metered uplink is used, and uses none without a word', async () => {
      expect(await browser.evaluate(textOf('.metered'))).toMatch(/lte too, which is metered/);
      expect(await browser.evaluate(`document.querySelector('.metered input').checked`)).toBe(false);
      expect(await browser.evaluate(textOf('.warning'))).toBe('');
      await browser.evaluate(`document.querySelector('.metered input').click()`);
      await browser.until(`/Up to 200 MB may go over lte/.test(${textOf('.warning')})`);
    });

    test('shows what is measured while it runs, and then the result', async () => {
      await browser.evaluate(press('Start'));
      await browser.until(`/dsl alone/.test(${textOf('.step')})`);
      await browser.until(`/[0-9] .bit.s/.test(${textOf('.live')})`);
      await browser.until(`document.querySelector('.run progress').value > 20`, LONGEST_MS);
      await lookAt('while it runs');
      await browser.until(`document.querySelector('.advice') !== null`, LONGEST_MS);
      const { results } = await state();
      const [result] = results;
      report(`the page: ${result!.advice.join(' ')}`);
      const shown = await browser.evaluate<string[][]>(
        `[...document.querySelectorAll('.table tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent.trim()))`,
      );
      expect(shown.map(([name]) => name)).toEqual(['dsl', 'lte (metered)', 'One transfer over all']);
      for (const [i, { alone }] of result!.uplinks.entries()) {
        expect(Number.parseFloat(shown[i]![2]!)).toBeCloseTo(alone.down!.bitsPerSecond! / 1e6, 0);
        expect(alone.down!.bitsPerSecond! / 1e6).toBeLessThan(paths[i]!.downMbps);
      }
      const picture = await browser.evaluate<string>(
        `document.querySelector('.speed-chart').getAttribute('aria-label')`,
      );
      expect(picture).toMatch(/^dsl: .* down, .* up; lte: .*; all at once: .*; one transfer: /);
    });

    test('is for everybody: no violation that axe finds, on a phone and a desktop, in dark and light', () =>
      lookAt('with a result'));

    test('is stopped by its button, and says so', async () => {
      await browser.evaluate(press('Start'));
      await browser.until(hasButton('Stop'));
      await browser.until(`/dsl alone/.test(${textOf('.step')})`);
      await browser.evaluate(press('Stop'));
      await browser.until(`/stopped/.test(${textOf('.problem')})`, LONGEST_MS);
      expect((await state()).results).toHaveLength(1);
    });

    test('leaves the metered uplink alone unless it is told', async () => {
      const since = system().pair.concentrator.log.length;
      await browser.evaluate(press('Start'));
      await browser.until(hasButton('Stop'));
      await browser.until(
        `document.querySelector('#result-title') !== null && ${hasButton('Start')}`,
        LONGEST_MS,
      );
      const [latest] = (await state()).results;
      expect(latest!.uplinks.map(({ name, state: how }) => [name, how])).toEqual([
        ['dsl', 'measured'],
        ['lte', 'skipped'],
      ]);
      expect(system().pair.concentrator.log.length).toBeGreaterThanOrEqual(since);
      await browser.until(`/lte was left out: it is metered/.test(${textOf('.advice')})`);
    });

    test('complains of nothing', () => {
      expect(browser.complaints).toEqual([]);
    });

    async function lookAt(when: string): Promise<void> {
      await expectForEverybody(browser, { what: when });
      await browser.setScreen(DESKTOP);
    }
  });
});
