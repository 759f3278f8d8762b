/*
 * The first run in Chromium: the page that takes the link, from no configuration at all to both uplinks in use and a download, in one
 * run of the program. With PAGE_PICTURES=FOLDER there are pictures of it.
 */
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { formatLink } from '../../../shared/runtime/identity/link.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { Browser } from '../../support/browser.ts';
import { useCleanups } from '../../support/cleanups.ts';
import { needs } from '../../support/needs.ts';
import { DESKTOP, expectForEverybody } from '../../support/page-screens.ts';
import { programFile } from '../support/program.ts';
import { describeSystem, expectWhole, report } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const PAGE = 'http://127.0.0.1:9101/';
const BODY_BYTES = 3_000_000;
const { PAGE_PICTURES } = process.env;
const NAMES = ['wan0', 'wan1'];
const paths = NAMES.map((name) => ({ name, downMbps: 20, upMbps: 20 }));

describe('the first run', needs('chromium'), () => {
  const onCleanup = useCleanups();

  describeSystem('in Chromium', { paths, congestionControl: 'bbr' }, (system) => {
    test('takes the link on a page, and goes on into service', async () => {
      const { pair, network } = system();
      await pair.startConcentrator();
      const { concentrator, client } = await loadClientConfig(pair.clientFile);
      const { addresses, pins } = concentrator;
      const link = formatLink({ clientId: client.id, clientKey: client.key, addresses, pins });

      const home = await temporaryDirectory();
      const file = join(home, 'client.yaml');
      const args = [programFile('client-proxy'), '--first-run', '--config', file];
      const program = network.client.spawn(process.execPath, args, {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: { ...process.env, XDG_STATE_HOME: home },
      });
      const exited = once(program, 'exit');
      onCleanup(async () => {
        program.kill('SIGTERM');
        expect(await exited).toEqual([0, null]);
      });

      const browser = await Browser.start((...args) => network.client.spawn(...args));
      onCleanup(() => browser.close());
      await browser.setScreen(DESKTOP);
      await openWhenThere(browser);
      await browser.until(`document.querySelectorAll('.found li').length === ${NAMES.length}`);
      const found = await browser.evaluate<string>(`document.querySelector('.found').innerText`);
      for (const name of NAMES) expect(found).toContain(`${name} (${network.path(name).address.v4}`);

      await submit(browser, link.slice(0, 40));
      await browser.until(`document.querySelector('.problem').textContent !== ''`);
      const problem = await browser.evaluate<string>(`document.querySelector('.problem').textContent`);
      expect(problem).toMatch(/^the link cannot be used: expected tributary:/);
      await lookAtAll(browser);
      await submit(browser, link);
      const startMs = performance.now();
      await browser.until(
        `document.querySelector('.done') !== null || document.querySelector('.card') !== null`,
      );
      for (const name of NAMES)
        await browser.until(
          `document.querySelector('[data-uplink="${name}"] .pill')?.textContent === 'in use'`,
        );
      report(
        `first run: "${problem}"; both uplinks in use ${(performance.now() - startMs).toFixed(0)} ms after the link`,
      );
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      await expectWhole(download(pair, BODY_BYTES), BODY_BYTES);
      // What Chromium says of the connection that was closed meanwhile is no complaint of the page.
      expect(browser.complaints.filter((text) => !/ERR_|400|409/.test(text))).toEqual([]);
    });
  });
});

/** The program may need a moment until it listens. */
async function openWhenThere(browser: Browser): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await browser.open(PAGE).catch(() => undefined);
    if (await browser.evaluate<boolean>(`document.querySelector('#app') !== null`)) return;
    await sleep(100);
  }
  throw new Error(`nothing at ${PAGE}`);
}

/** As a person does it, by the keyboard. */
async function submit(browser: Browser, link: string): Promise<void> {
  await browser.evaluate(`(() => { const field = document.querySelector('#link'); field.value = ${JSON.stringify(link)};
    field.dispatchEvent(new Event('input', { bubbles: true })); })()`);
  await sleep(100);
  await browser.evaluate(`document.querySelector('form').requestSubmit()`);
}

async function lookAtAll(browser: Browser): Promise<void> {
  await expectForEverybody(browser, {
    what: 'the first run',
    onScreen: async (name) => {
      if (PAGE_PICTURES === undefined) return;
      await mkdir(PAGE_PICTURES, { recursive: true });
      await writeFile(join(PAGE_PICTURES, `first-run-${name}.png`), await browser.picture('png'));
    },
  });
}
