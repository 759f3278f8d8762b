/*
 * A client with two concentrators, one near and one far (support/two-concentrators.ts): which of them takes a connection, and what happens
 * when one of them dies.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../support/browser.ts';
import { needs } from '../support/needs.ts';
import { DESKTOP, expectForEverybody } from '../support/page-screens.ts';
import { report } from './support/system.ts';
import { type OriginPort, type Place, PORTS, TwoConcentrators } from './support/two-concentrators.ts';

/** What is promised. */
const FAILOVER_MS = 2_000;
/** What a machine adds that does other things, too. */
const SLACK_MS = 1_500;
/** A better one has to be so for this long. */
const HOLD_MS = 10_000;
const LINGER_MS = 2_000;
const PAGE = 'http://127.0.0.1:9101/';
const RULES = [
  { port: PORTS.far, concentrator: 'far' },
  { port: PORTS.onlyFar, concentrator: { only: 'far' } },
];

describe('several concentrators', { timeout: 180_000, ...needs('network') }, () => {
  let it: TwoConcentrators;
  let browser: Browser;

  beforeAll(async () => {
    it = await TwoConcentrators.create();
    for (const place of ['near', 'far'] as const) await it.startConcentrator(place);
    await it.join('near');
    await it.amend({ linger: `${LINGER_MS}ms` });
    await it.startClient();
  });
  afterAll(async () => {
    await browser?.close();
    await it?.close();
  });

  const session = async (place: Place) =>
    (await it.status()).find(({ name }) => name === place)?.since?.slice(0, 18);
  const untilBoth = () =>
    it.untilStatus((all) => ['near', 'far'].every((place) => all.get(place)?.state === 'established'));

  test('a second join adds one to a client that runs, which goes to the nearest, or where a rule says', async () => {
    expect(await it.peer()).toBe('near');
    await it.join('far');
    await it.amend({ steering: { rules: RULES } });
    await it.reload();
    await untilBoth();
    const found = await Promise.all([it.peer(), it.peer(PORTS.far), it.peer(PORTS.onlyFar)]);
    expect(found).toEqual(['near', 'far', 'far']);
    expect(await it.client!.metric('tributary_concentrator_chosen', { concentrator: 'near' })).toBe(1);
    // The far one carries a stream now and has all uplinks, the near one had them all the time.
    const [near, far] = await it.status();
    expect([near!.standing, far!.standing]).toEqual([false, false]);
    expect(far!.roundTripMs! - near!.roundTripMs!).toBeGreaterThan(30);
  });

  /** What is open and what is new while the nearest one is not there. @returns how long a new connection takes to be served */
  const withoutNear = async (kill: () => Promise<void>) => {
    await it.untilStatus((all) => all.get('near')?.chosen === true, 40_000);
    const farSince = await session('far');
    const others = it.download(PORTS.far, 1_600_000, 400_000);
    const lost = it.download(PORTS.any, 40_000_000, 400_000);
    await sleep(500);
    await kill();
    const startMs = performance.now();
    expect(await it.peer()).toBe('far');
    const tookMs = performance.now() - startMs;
    expect(await it.peer()).toBe('far');
    // Streams of the dead one end: no later than `linger` allows after it is given up as silent.
    expect((await lost).exitCode).not.toBe(0);
    const endMs = performance.now() - startMs;
    expect(endMs).toBeLessThan(LINGER_MS + 15_000);
    expect(await others).toMatchObject({ exitCode: 0, bytes: 1_600_000 });
    expect(await session('far')).toBe(farSince);
    expect(tookMs).toBeLessThan(FAILOVER_MS + SLACK_MS);
    return `served after ${Math.round(tookMs)} ms, what was open ended after ${Math.round(endMs)} ms`;
  };

  test('the nearest falls silent: the other takes over, and what that carries goes on', async () => {
    report(`the nearest falls silent: ${await withoutNear(() => it.silence('near'))}`);
    await it.restore('near');
  });

  test('the nearest is killed: the same, and it is returned to once it has been back for a while', async () => {
    const text = await withoutNear(() => it.kill('near'));
    await it.startConcentrator('near');
    const back = performance.now();
    await it.untilStatus((all) => all.get('near')!.chosen, 60_000);
    const backMs = performance.now() - back;
    report(`the nearest is killed: ${text}; it is chosen again ${Math.round(backMs)} ms after it is up`);
    expect(backMs).toBeGreaterThan(HOLD_MS - SLACK_MS);
  });

  test('datagrams go where a rule says, each flow by its own, and stay where they began', async () => {
    await untilBoth();
    const app = await it.startUdp();
    const from = async (port: OriginPort) => (await app.ask(port)).from;
    expect([await from(PORTS.far), await from(PORTS.any), await from(PORTS.onlyFar)]).toEqual([
      ...['far', 'near', 'far'],
    ]);
    expect((await it.status()).map(({ standing }) => standing)).toEqual([false, false]);
    await it.silence('far');
    // Another one stands in, unless the rule allows no other: what that sends is dropped until the named one is back.
    const moved = await app.ask(PORTS.far);
    expect(moved.from).toBe('near');
    expect(await from(PORTS.any)).toBe('near');
    expect((await app.ask(PORTS.onlyFar, 1)).from).toBe('none');
    await it.restore('far');
    const back = await app.ask(PORTS.onlyFar, 20);
    expect(back.from).toBe('far');
    await untilBoth();
    expect(await from(PORTS.far)).toBe('near');
    report(
      `datagrams: by another one ${moved.tookMs} ms after the named one fell silent, back after ${back.tookMs} ms`,
    );
    expect(moved.tookMs).toBeLessThan(FAILOVER_MS + SLACK_MS);
    // A flow that begins now goes to the named one again.
    const other = await it.startUdp();
    expect((await other.ask(PORTS.far)).from).toBe('far');
  });

  test('a rule falls back to another one, unless it allows no other', async () => {
    await it.kill('far');
    await it.untilStatus((all) => all.get('far')?.state !== 'established');
    expect(await it.peer(PORTS.far)).toBe('near');
    expect(await it.peer(PORTS.onlyFar, 1)).toMatch(/28\n$/);
    await it.startConcentrator('far');
    await untilBoth();
    expect(await it.peer(PORTS.onlyFar)).toBe('far');
  });

  describe('the page', needs('chromium'), () => {
    const card = (name: Place) => `document.querySelector('[data-concentrator="${name}"]')`;
    const pillIs = (name: Place, ...words: string[]) =>
      `${JSON.stringify(words)}.includes(${card(name)}?.querySelector('.pill').textContent)`;

    test('shows which concentrator carries a connection', async () => {
      await untilBoth();
      await it.untilStatus((all) => all.get('near')?.chosen === true, 60_000);
      browser = await Browser.start((...args) => it.bed.client.spawn(...args));
      await browser.setScreen(DESKTOP);
      await browser.open(PAGE);
      const open = it.download(PORTS.far, 40_000_000, 400_000, 10);
      await browser.evaluate(`location.hash = '#connections'`);
      const tag = `document.querySelector('[data-connection$=":${PORTS.far}"] [data-figure=concentrator]')`;
      await browser.until(`${tag}?.textContent === 'far'`);
      await expectForEverybody(browser, { what: 'the connections' });
      await open;
    });

    test('shows a failover: who is away, who is chosen, and why', async () => {
      await browser.evaluate(`location.hash = '#overview'`);
      await browser.until(`${pillIs('near', 'chosen')} && ${pillIs('far', 'kept ready', 'in use')}`, 60_000);
      const near = await browser.evaluate<string>(`${card('near')}.innerText`);
      expect(near).toMatch(/lowest round trip|another one is better/);
      await it.kill('near');
      const visibleMs = await browser.until(`${pillIs('near', 'away')} && ${pillIs('far', 'chosen')}`);
      await browser.until(
        `/far takes new connections .*near cannot be reached/s.test(document.querySelector('.concentrator-notes')?.innerText)`,
      );
      report(`a failover is visible on the page after ${Math.round(visibleMs)} ms`);
      await expectForEverybody(browser, { what: 'the overview' });
      expect(browser.complaints).toEqual([]);
      await it.startConcentrator('near');
      await untilBoth();
    });
  });

  test('a reload takes one out, whose connections go on, and leaves the sessions of the other alone', async () => {
    const nearSince = await session('near');
    const open = it.download(PORTS.far, 1_500_000, 400_000);
    await sleep(500);
    const app = await it.startUdp();
    expect((await app.ask(PORTS.far)).from).toBe('far');
    await it.amend({ steering: {} });
    await it.leave('far');
    await it.reload();
    // Datagrams go on at the other one: nobody can tell when they have ended.
    expect((await app.ask(PORTS.far)).from).toBe('near');
    expect((await it.status()).map(({ name }) => name)).toEqual(['near']);
    expect(await it.peer(PORTS.far)).toBe('near');
    expect(await open).toMatchObject({ exitCode: 0, bytes: 1_500_000 });
    expect(await session('near')).toBe(nearSince);
  });
});
