/** `npm run page-pictures`: plays a download, an upload and faults on a bed, and takes the pictures of the page for the documents. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createBed } from '../bed/bed.ts';
import { Origin, startJob } from '../lab/agents.ts';
import { BED_PLACE, ORIGIN_PORT, SOCKS } from '../lab/bed-place.ts';
import { runCommand } from '../lab/command.ts';
import { startPair } from '../lab/tributary-pair.ts';
import { TributarySetup } from '../lab/tributary-setup.ts';
import { Browser, type Screen } from '../support/browser.ts';
import { takeConcentratorPictures } from './concentrator-pictures.ts';
import { showWhole } from './show-whole.ts';

/** Where the client serves its page, in its namespace. */
const PAGE = 'http://127.0.0.1:9101/';
const PLAY_MS = 75_000;
const DESKTOP = { width: 1180, height: 900, scale: 1.25 };
const PHONE = { width: 390, height: 844, scale: 1.7, isMobile: true };
const CALL = { kind: 'ask', bytes: 30_000_000, rateMbps: 4, answerBytes: 1_000 } as const;
/** Documents should load quickly. */
const MOST_BYTES = 120_000;

const UPLINKS = [
  { name: 'dsl', rateMbps: 16, rttMs: 24, queueMs: 80, up: { rateMbps: 4 } },
  { name: 'lte', rateMbps: 30, rttMs: 52, queueMs: 150, up: { rateMbps: 8 } },
  { name: 'starlink', rateMbps: 40, rttMs: 38, queueMs: 100, up: { rateMbps: 6 } },
];

await runCommand({
  name: 'page-pictures',
  help: 'npm run page-pictures [-- FOLDER]: takes the pictures of the page, into docs/figures unless told.',
  parse: (args) => (args[0]?.startsWith('-') ? undefined : { folder: args[0] ?? 'docs/figures' }),
  run: ({ folder }) => takePictures(resolve(folder)),
});

async function takePictures(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const setup = await TributarySetup.create(BED_PLACE);
  // What a plan has used is kept; each time begins without.
  const stateDir = await mkdtemp(join(tmpdir(), 'tributary-page-'));
  const bed = await createBed({ uplinks: UPLINKS, congestionControl: 'cubic' });
  let browser: Browser | undefined;
  try {
    const { v4 } = bed.origin.address;
    await Origin.start(bed.origin, v4, ORIGIN_PORT);
    const uplinks = UPLINKS.map(({ name }) => ({
      ...{ name, interface: name },
      ...(name === 'lte' ? { metered: { monthly: '500MB' } } : {}),
    }));
    const pair = await startPair(bed, await setup.configured({ uplinks, stateDir }), UPLINKS);
    browser = await Browser.start((...args) => bed.client.spawn(...args));
    const take = async (name: string, screen: Screen) => {
      await showWhole(browser!, screen);
      // The chart fits itself to its place, and the figures to the second.
      await sleep(1_500);
      const picture = await browser!.picture('webp', 74);
      if (picture.length > MOST_BYTES) throw new Error(`${name} has ${picture.length} bytes`);
      await writeFile(join(folder, name), picture);
      console.log(`${name}: ${picture.length} bytes`);
    };
    await browser.setScreen(DESKTOP);
    await browser.open(PAGE);
    await browser.until(`document.querySelectorAll('.card').length === ${UPLINKS.length}`);
    await sleep(4_000);
    const job = { origin: { host: v4, port: ORIGIN_PORT }, route: { socks: SOCKS }, limitMs: 2 * PLAY_MS };
    // A download, and beside it what a video call sends.
    for (const task of [{ kind: 'bulk', direction: 'down', ms: PLAY_MS }, CALL] as const)
      startJob(bed.client, { ...job, task }).result.catch(() => {});
    await sleep(16_000);
    await bed.uplink('lte').blackhole();
    await sleep(3_000);
    await bed.uplink('lte').restore();
    await sleep(16_000);
    await take('page.webp', { ...DESKTOP, scheme: 'light' });
    await take('page-phone.webp', { ...PHONE, scheme: 'light' });
    await browser.setScreen(DESKTOP);
    await browser.evaluate(`location.hash = '#connections'`);
    await browser.until(
      `document.querySelectorAll('[data-connection] [data-uplink]').length >= ${UPLINKS.length}`,
    );
    await take('page-connections.webp', { ...DESKTOP, height: 420, scheme: 'light' });
    await browser.evaluate(`location.hash = '#overview'`);
    await browser.until(`document.querySelectorAll('.card').length === ${UPLINKS.length}`);
    await bed.uplink('starlink').blackhole();
    await take('page-dark.webp', { ...DESKTOP, scheme: 'dark' });
    // It would complain of the client that has gone.
    await browser.open('about:blank');
    await pair.stop();
    const ofConcentrator = await takeConcentratorPictures(folder, {
      'concentrator-page.webp': { ...DESKTOP, scale: 1.1, scheme: 'light' },
      'concentrator-page-phone.webp': { ...PHONE, scale: 1.4, scheme: 'dark' },
    });
    const complaints = [...browser.complaints, ...ofConcentrator];
    for (const complaint of complaints) console.log(complaint);
    return complaints.length === 0 ? 0 : 1;
  } finally {
    await browser?.close();
    await bed.close();
    await setup.remove();
    await rm(stateDir, { recursive: true, force: true });
  }
}
