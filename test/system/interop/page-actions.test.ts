/*
 * What one does on the client's page, in Chromium in the client's namespace: the connections beside the metrics, and each action with
 * what it does to traffic and to the configuration's file.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../../support/browser.ts';
import { needs } from '../../support/needs.ts';
import { DESKTOP, expectForEverybody } from '../../support/page-screens.ts';
import { SOCKS } from '../support/pair.ts';
import { describeSystem, expectWhole, report } from '../support/system.ts';
import { download } from '../support/transfer.ts';

const PAGE = 'http://127.0.0.1:9101/';
const MB = 1_000_000;
const paths = [
  { name: 'wan0', downMbps: 16, upMbps: 16 },
  { name: 'wan1', downMbps: 24, upMbps: 24 },
];
const NAMES = paths.map(({ name }) => name);
/** It looks at every element, which takes its time on a machine that is busy. */
const AXE_MS = 120_000;
/** A person who has clicked looks for what happens. */
const MOST_VISIBLE_MS = 3_000;

const card = (name: string) => `document.querySelector('.card[data-uplink="${name}"]')`;
const pillIs = (name: string, word: string) =>
  `${card(name)}.querySelector('.pill').textContent === '${word}'`;

describe('the page', needs('chromium'), () => {
  describeSystem('in use', { paths, congestionControl: 'bbr' }, (system) => {
    let browser: Browser;
    const children: ChildProcess[] = [];
    beforeAll(async () => {
      const { network, pair } = system();
      await pair.start(NAMES.map((name) => ({ name, interface: name })));
      browser = await Browser.start((...args) => network.client.spawn(...args));
      await browser.setScreen(DESKTOP);
      await browser.open(PAGE);
      await browser.until(NAMES.map((name) => pillIs(name, 'in use')).join(' && '));
    });
    afterAll(async () => {
      for (const child of children) child.kill('SIGKILL');
      await browser?.close();
    });

    test('lists connections with what each uplink carries, as the metrics count it', async () => {
      const { pair } = system();
      const before = await receivedBytes();
      const curl = get();
      await expect
        .poll(async () => sum(await receivedBytes()) - sum(before), { timeout: 20_000 })
        .toBeGreaterThan(6 * MB);
      // Who reads nothing more gets nothing more, and the figures stand still.
      curl.kill('SIGSTOP');
      await show('connections');
      await sleep(4_000);
      const carried = await receivedBytes();
      const shown = await browser.evaluate<Record<string, number>>(
        `Object.fromEntries([...document.querySelectorAll('[data-connection] [data-uplink]')].map(({ dataset }) =>
          [dataset.uplink, Number(dataset.received)]))`,
      );
      const row = await browser.evaluate<string>(`document.querySelector('[data-connection]').innerText`);
      for (const name of NAMES) {
        const metric = carried[name]! - before[name]!;
        report(`${name}: ${shown[name]} bytes of the connection, ${metric} of the uplink`);
        expect(Math.abs(shown[name]! - metric) / metric).toBeLessThan(0.05);
      }
      expect(row).toMatch(/aggregate/);
      expect(row).toContain(new URL(pair.origin.url).hostname);
      expect(await browser.evaluate(`document.querySelector('[data-figure=shown]').innerText`)).toBe(
        '1 open',
      );
    });

    test('filters and sorts them, by keyboard as well', async () => {
      await browser.evaluate(typing('.filter', 'no such thing'));
      await browser.until(`/Nothing that is open/.test(document.body.innerText)`);
      await browser.evaluate(typing('.filter', 'wan1 aggregate'));
      await browser.until(`document.querySelectorAll('[data-connection]').length === 1`);
      await browser.evaluate(typing('.filter', ''));
      await browser.evaluate(
        `document.querySelector('th.c-age button').focus(), document.activeElement.click()`,
      );
      await browser.until(`document.querySelector('th.c-age').getAttribute('aria-sort') === 'descending'`);
    });

    test('is for everybody', { timeout: AXE_MS }, () => checkAll('connections'));

    test('is for everybody in the window of a connection', { timeout: AXE_MS }, async () => {
      await openConnection();
      await checkAll('what to do with a connection');
    });

    test('closes a connection', async () => {
      const curl = children.at(-1)!;
      await clickIn('dialog', 'Close this connection');
      curl.kill('SIGCONT');
      expect((await once(curl, 'exit'))[0]).not.toBe(0);
      await browser.until(`document.querySelectorAll('[data-connection]').length === 0`);
    });

    test('takes an uplink out of use, until a restart, and makes it a backup for good', {
      timeout: AXE_MS,
    }, async () => {
      const { pair } = system();
      const file = await readFile(pair.clientFile, 'utf8');
      await show('overview');
      await changeUse('wan0', 'not at all');
      await checkAll('the use of an uplink');
      const offMs = await submit(pillIs('wan0', 'off'));
      expect(await browser.evaluate(`${card('wan0')}.querySelector('.reason').innerText`)).toMatch(
        /turned off/,
      );
      expect(await browser.evaluate(`document.querySelector('.held').innerText`)).toContain('wan0: off');
      expect(await readFile(pair.clientFile, 'utf8')).toBe(file);
      const before = await receivedBytes();
      await expectWhole(download(pair, 3 * MB), 3 * MB);
      expect((await receivedBytes()).wan0! - before.wan0!).toBeLessThan(0.1 * MB);
      await changeUse('wan0', 'as a backup');
      await choose('for good');
      const backupMs = await submit(pillIs('wan0', 'backup'));
      expect(await readFile(pair.clientFile, 'utf8')).toContain('backup: true');
      expect(await browser.evaluate(`document.querySelector('.held')?.innerText ?? 'none'`)).toBe('none');
      report(`visible: off after ${offMs.toFixed(0)} ms, a backup after ${backupMs.toFixed(0)} ms`);
      expect(offMs).toBeLessThan(MOST_VISIBLE_MS);
    });

    test('refuses to write over what was changed by hand, and keeps its comments once it was read', async () => {
      const { pair } = system();
      await appendFile(pair.clientFile, '# mine\n');
      await changeUse('wan0', 'always');
      await choose('for good');
      await clickIn('dialog', 'Change it');
      await browser.until(`/has changed since/.test(document.querySelector('.error')?.innerText)`);
      const since = pair.client.log.length;
      pair.client.signal('SIGHUP');
      await pair.client.untilLog(({ msg }) => msg.startsWith('reloaded'), { since });
      await submit(pillIs('wan0', 'in use'));
      const text = await readFile(pair.clientFile, 'utf8');
      expect(text).toContain('# mine');
      expect(text).not.toContain('backup: true');
    });

    test('changes the default mode', { timeout: AXE_MS }, async () => {
      const button = `document.querySelector('.mode button')`;
      // Of a try before this one.
      await browser.evaluate(`document.querySelector('[aria-label="Close this window"]')?.click()`);
      await browser.evaluate(`${button}.focus(), ${button}.click()`);
      await browser.until(`document.querySelector('dialog[open]')`);
      await checkAll('the default mode');
      // Who goes on by keyboard goes on where the window was opened.
      await browser.evaluate(`document.querySelector('[aria-label="Close this window"]').click()`);
      await browser.until(`!document.querySelector('dialog') && document.activeElement === ${button}`);
      await browser.evaluate(`${button}.click()`);
      await browser.until(`document.querySelector('dialog[open]')`);
      await browser.evaluate(
        `[...document.querySelectorAll('.modes label')].find((one) => one.innerText.startsWith('redundant')).click()`,
      );
      await submit(`document.querySelector('[data-figure=mode]').innerText === 'redundant'`);
      await browser.until(`!document.querySelector('dialog') && document.activeElement === ${button}`);
    });

    test.each([
      ['done', ''],
      [
        'refused',
        `new Response('{"error":"not now"}', { status: 409, headers: { 'content-type': 'application/json' } })`,
      ],
    ])('leaves the window that is open then, when what another one asked for is %s', async (_, answer) => {
      await browser.evaluate(`(() => {
        const ask = window.fetch;
        window.fetch = async (...args) => {
          const answer = await ask(...args);
          if (!/actions/.test(args[0])) return answer;
          window.fetch = ask;
          await new Promise((resolve) => { window.goOn = resolve; });
          return ${answer || 'answer'};
        };
      })()`);
      await changeUse('wan1', 'always');
      await clickIn('dialog', 'Change it');
      await browser.until('window.goOn');
      await browser.evaluate(`document.querySelector('[aria-label="Close this window"]').click()`);
      await browser.until(`!document.querySelector('dialog')`);
      await browser.evaluate(`document.querySelector('.mode button').click()`);
      await browser.until(`document.querySelector('dialog[open]')`);
      await browser.evaluate(`(window.goOn(), delete window.goOn)`);
      const said = answer === '' ? 'wan1 is used' : 'not now';
      await browser.until(`document.querySelector('.told').innerText.startsWith('${said}')`);
      expect(await browser.evaluate(`document.querySelector('dialog[open] h2')?.innerText`)).toBe(
        'Default mode',
      );
      await browser.evaluate(`document.querySelector('[aria-label="Close this window"]').click()`);
      await browser.until(`!document.querySelector('dialog')`);
    });

    test('adds rules from a connection: blocked, and directly over an uplink', async () => {
      const { pair } = system();
      get();
      await show('connections');
      await browser.until(`document.querySelectorAll('[data-connection]').length === 1`);
      await openConnection();
      await choose('is blocked');
      await submit(`!document.querySelector('dialog[open]')`);
      expect((await download(pair, 1_000).done).exitCode).not.toBe(0);
      await openConnection();
      await choose('goes directly');
      await browser.evaluate(
        `(() => { const select = document.querySelector('dialog .field select'); select.value = 'wan1';
          select.dispatchEvent(new Event('change', { bubbles: true })); })()`,
      );
      await submit(`!document.querySelector('dialog[open]')`);
      // The origin of this bed is at a public address behind the concentrator alone: what counts is which way it is tried.
      await show('overview');
      await browser.until(`/direct over wan1/.test(document.querySelector('.held').innerText)`);
      expect(await browser.evaluate(`document.querySelector('.held').innerText`)).not.toContain('blocked');
    });

    test('takes back what is held', async () => {
      const before = await browser.evaluate<number>(`document.querySelectorAll('.held li').length`);
      await browser.evaluate(`[...document.querySelectorAll('.held button')].at(-1).click()`);
      await browser.until(`document.querySelectorAll('.held li').length === ${before - 1}`);
      expect(await browser.evaluate(`document.querySelector('.held')?.innerText ?? ''`)).not.toContain(
        'direct over wan1',
      );
    });

    test('complains of nothing', () => {
      // A refusal is one that the test has asked for.
      expect(browser.complaints.filter((text) => !/409/.test(text))).toEqual([]);
    });

    /** A download without end, through the client. */
    function get(): ChildProcess {
      const { network, pair } = system();
      const args = [
        '-s',
        '--socks5-hostname',
        SOCKS,
        '-o',
        '/dev/null',
        `${pair.origin.url}/bytes/${500 * MB}`,
      ];
      const child = network.client.spawn('curl', args, { stdio: 'ignore' });
      children.push(child);
      return child;
    }

    async function receivedBytes(): Promise<Record<string, number>> {
      const { pair } = system();
      const entries = NAMES.map(async (uplink) => {
        const labels = { uplink, direction: 'received' };
        return [uplink, await pair.client.metric('tributary_uplink_bytes_total', labels)] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    }

    async function show(view: string): Promise<void> {
      await browser.evaluate(`document.querySelector('nav a[href="#${view}"]').click()`);
      await browser.until(
        `document.querySelector('nav a[aria-current]').getAttribute('href') === '#${view}'`,
      );
    }

    async function changeUse(name: string, use: string): Promise<void> {
      await browser.until(`${card(name)} && !document.querySelector('dialog[open]')`);
      await browser.evaluate(`${card(name)}.querySelector('.card-head button').click()`);
      await browser.until(`document.querySelector('dialog[open]')`);
      await choose(use);
    }

    async function openConnection(): Promise<void> {
      await browser.evaluate(`document.querySelector('.c-open button').click()`);
      await browser.until(`document.querySelector('dialog[open]')`);
    }

    function choose(words: string): Promise<void> {
      return browser.evaluate(
        `[...document.querySelectorAll('dialog .choice label')].find((one) => one.innerText.trim() === '${words}').querySelector('input').click()`,
      );
    }

    function clickIn(place: string, words: string): Promise<void> {
      return browser.evaluate(
        `[...document.querySelectorAll('${place} button')].find((one) => one.innerText === '${words}').click()`,
      );
    }

    /** Has the open window do what it is for. @returns how long until `expression` was true */
    async function submit(expression: string): Promise<number> {
      await browser.evaluate(`document.querySelector('dialog button.main').click()`);
      return browser.until(expression);
    }

    async function checkAll(what: string): Promise<void> {
      await expectForEverybody(browser, {
        what,
        within: `document.querySelector('dialog[open]') ?? document`,
      });
      await browser.setScreen(DESKTOP);
    }
  });
});

function sum(bytes: Readonly<Record<string, number>>): number {
  return Object.values(bytes).reduce((all, one) => all + one, 0);
}

/** Somebody types a text into a field. */
function typing(field: string, text: string): string {
  return `(() => { const field = document.querySelector('${field}'); field.value = '${text}';
    field.dispatchEvent(new InputEvent('input', { bubbles: true })); })()`;
}
