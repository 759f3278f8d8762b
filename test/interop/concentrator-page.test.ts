/*
 * The concentrator's page in Chromium, with more clients than anybody has, which are invented: what is shown of them, how they are
 * looked for, and whether everybody can use it.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inventClients } from '../server-concentrator/page/invented-clients.ts';
import { InventedConcentrator } from '../server-concentrator/page/many-clients.ts';
import { serveInvented } from '../server-concentrator/page/serve-invented.ts';
import { Browser } from '../support/browser.ts';
import { needs } from '../support/needs.ts';
import { DESKTOP, expectForEverybody } from '../support/page-screens.ts';

const CLIENTS = 3_210;
const MOST_PAGE_BYTES = 150_000;

const rows = `[...document.querySelectorAll('.clients tbody')]`;
const rowOf = (client: string) => `document.querySelector('[data-client="${client}"]')`;
const head = (word: string) =>
  `[...document.querySelectorAll('.clients thead button')].find(({ textContent }) => textContent.startsWith('${word}'))`;
const type = (text: string) =>
  `(() => { const field = document.querySelector('.filter'); field.value = ${JSON.stringify(text)};
     field.dispatchEvent(new Event('input', { bubbles: true })); })()`;

describe('the page of the concentrator, with thousands of clients', needs('chromium'), () => {
  let browser: Browser;
  let served: Awaited<ReturnType<typeof serveInvented>>;

  beforeAll(async () => {
    const concentrator = new InventedConcentrator(inventClients(CLIENTS, 1_000_000));
    served = await serveInvented(concentrator);
    browser = await Browser.start((command, args, options) => spawn(command, args, options));
    await browser.setScreen(DESKTOP);
    await browser.open(served.url);
    await browser.until(`${rows}.length > 0`);
    await sleep(2_500);
  });
  afterAll(async () => {
    await browser?.close();
    await served?.close();
  });

  it('is small, and comes from the concentrator alone', async () => {
    const entries = await browser.evaluate<{ name: string; decodedBodySize: number }[]>(
      `[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .map(({ name, decodedBodySize }) => ({ name, decodedBodySize }))`,
    );
    const bytes = entries.reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0);
    console.log(`measured: the concentrator's page: ${entries.length} files, ${bytes} bytes`);
    expect(entries.filter(({ name }) => !name.startsWith(served.url))).toEqual([]);
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(MOST_PAGE_BYTES);
  });

  it('shows as many as somebody reads, and says how many there are', async () => {
    expect(await browser.evaluate(`${rows}.length`)).toBe(200);
    expect(await browser.evaluate(`document.querySelector('.shown').textContent`)).toBe('200 of 3,210 shown');
    expect(await browser.evaluate(`document.querySelectorAll('.u-series').length`)).toBe(1 + 10 + 1);
  });

  it('sorts by what is asked for, and turns it round', async () => {
    const first = (count: number) =>
      browser.evaluate<string[]>(`${rows}.slice(0, ${count}).map((row) => row.dataset.client)`);
    await browser.evaluate(`${head('Client')}.click()`);
    await browser.until(`${rows}[0].dataset.client === 'barge-01'`);
    expect(await first(3)).toEqual(['barge-01', 'barge-02', 'barge-03']);
    await browser.evaluate(`${head('Client')}.click()`);
    await browser.until(`${rows}[0].dataset.client === 'van-99'`);
    expect(await browser.evaluate(`${head('Client')}.parentElement.ariaSort`)).toBe('descending');
    await browser.evaluate(`${head('Connections')}.click()`);
    await browser.until(
      `${head('Connections')}.parentElement.ariaSort === 'descending' && ${rows}[0].dataset.client !== 'van-99'`,
    );
    const streams = await browser.evaluate<number[]>(
      `${rows}.map((row) => Number(row.querySelector('[data-figure=streams]').textContent))`,
    );
    expect(streams).toEqual([...streams].sort((one, other) => other - one));
  });

  it('finds a client among them, with its sessions and uplinks', async () => {
    await browser.evaluate(type('ship-07'));
    await browser.until(`document.querySelector('.shown').textContent === '1 found'`);
    await browser.evaluate(`${rowOf('ship-07')}.querySelector('tbody button').click()`);
    const details = await browser.evaluate<string>(
      `${rowOf('ship-07')}.querySelector('.details').textContent`,
    );
    expect(details).toMatch(/Session.*connected.*round trip/s);
    await browser.evaluate(type('nobody'));
    await browser.until(`document.querySelector('.panel .notice')?.textContent === 'No client matches.'`);
    await browser.evaluate(type('limited'));
    await browser.until(`${rows}.length > 0`);
    expect(await browser.evaluate(`${rows}.every((row) => row.textContent.includes('limited'))`)).toBe(true);
    await browser.evaluate(type(''));
    await browser.until(`${rows}.length === 200`);
  });

  it('is for everybody: no violation that axe finds, on a phone and a desktop, in dark and light', async () => {
    // All rows are alike, and axe looks at each.
    await browser.evaluate(type('ship-0'));
    await browser.until(`${rows}.length === 9`);
    await browser.evaluate(`${rows}.slice(0, 2).forEach((row) => row.querySelector('button').click())`);
    await expectForEverybody(browser);
    // A keyboard reaches what there is to press.
    await browser.evaluate(`${head('Up')}.focus()`);
    expect(await browser.evaluate('document.activeElement.textContent.trim()')).toBe('Up');
  });

  it('complains of nothing', () => {
    expect(browser.complaints).toEqual([]);
  });
});
