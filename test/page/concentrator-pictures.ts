import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inventClients } from '../server-concentrator/page/invented-clients.ts';
import { InventedConcentrator } from '../server-concentrator/page/many-clients.ts';
import { serveInvented } from '../server-concentrator/page/serve-invented.ts';
import { Browser, type Screen } from '../support/browser.ts';
import { showWhole } from './show-whole.ts';

const CLIENTS = 41;
/** What comes after is like it. */
const SHOWN_ROWS = 10;
const CHART_MS = 60_000;
const SWING_MS = 3_000;

/** Takes the pictures of the concentrator's page, with invented clients. */
export async function takeConcentratorPictures(
  folder: string,
  screens: Readonly<Record<string, Screen>>,
): Promise<readonly string[]> {
  const concentrator = new InventedConcentrator(inventClients(CLIENTS, 1_000_000));
  const swing = (client: string, nowMs: number) =>
    0.75 + 0.25 * Math.sin(nowMs / SWING_MS + client.length * 7 + client.charCodeAt(0));
  const served = await serveInvented(concentrator, swing);
  let browser: Browser | undefined;
  try {
    browser = await Browser.start((command, args, options) => spawn(command, args, options));
    await browser.open(served.url);
    await browser.until(`document.querySelectorAll('.clients tbody').length > ${SHOWN_ROWS}`);
    await sleep(CHART_MS);
    await browser.evaluate(`document.querySelectorAll('.clients tbody button')[1].click()`);
    const style = `.clients tbody:nth-of-type(n + ${SHOWN_ROWS}) { display: none }`;
    await browser.evaluate(
      `(() => { const sheet = new CSSStyleSheet(); sheet.replaceSync('${style}'); document.adoptedStyleSheets = [sheet]; })()`,
    );
    for (const [name, screen] of Object.entries(screens)) {
      await showWhole(browser, screen);
      await sleep(1_500);
      const picture = await browser.picture('webp', 78);
      await writeFile(join(folder, name), picture);
      console.log(`${name}: ${picture.length} bytes`);
    }
    return browser.complaints;
  } finally {
    await browser?.close();
    await served.close();
  }
}
