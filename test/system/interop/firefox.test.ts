/*
 * Firefox, which asks nobody but the proxy: there is no other way out of its namespace, and the name is known to the concentrator's
 * name server alone.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eachWholeLine } from '../../bed/whole-lines.ts';
import { needs } from '../../support/needs.ts';
import { NameServer } from '../support/name-server.ts';
import { SOCKS } from '../support/pair.ts';
import { ROOT } from '../support/program.ts';
import { resetNameServers, setNameServers } from '../support/resolv-conf.ts';
import { describeSystem } from '../support/system.ts';

const NAME = 'origin.test';
const PORT = 8086;
const OBJECTS = 40;
/** It starts in two seconds on a machine of its own. */
const LOAD_LIMIT_MS = 50_000;
const [HOST = '', SOCKS_PORT = ''] = SOCKS.split(':');

const MANUAL = { 'network.proxy.type': 1, 'network.proxy.no_proxies_on': '' };
/** What it would ask the Internet by itself. */
const QUIET = {
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.security.https_first': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.trr.mode': 5,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
};

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 40, upMbps: 40 },
];

describe('Firefox', needs('firefox'), () => {
  describeSystem('loads a page', { paths, congestionControl: 'cubic' }, (system) => {
    let folder: string;
    let names: NameServer;
    /** Paths that the origin was asked for. */
    const asked: string[] = [];
    let onAsked = () => {};
    beforeAll(async () => {
      const { network, pair } = system();
      const { v4 } = network.origin.address;
      folder = await mkdtemp(join(tmpdir(), 'tributary-firefox-'));
      names = await NameServer.start(network.concentrator, [`${NAME}=${v4}`], '127.0.0.1');
      await setNameServers(network.concentrator, ['127.0.0.1']);
      await setNameServers(network.client, ['127.0.0.1']);
      const program = join(ROOT, 'test', 'system', 'interop', 'support', 'page.mjs');
      const origin = network.origin.spawn(process.execPath, [program, v4, String(PORT), String(OBJECTS)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      eachWholeLine(origin.stdout!, (line) => {
        asked.push(line);
        onAsked();
      });
      await pair.start();
    });
    afterAll(async () => {
      names?.stop();
      const { concentrator, client } = system().network;
      for (const one of [concentrator, client]) await resetNameServers(one);
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    });

    test.each([
      [
        'SOCKS5, with names left to it',
        {
          ...MANUAL,
          'network.proxy.socks': HOST,
          'network.proxy.socks_port': Number(SOCKS_PORT),
          'network.proxy.socks_remote_dns': true,
        },
        'socks5',
      ],
      [
        'HTTP',
        { ...MANUAL, 'network.proxy.http': HOST, 'network.proxy.http_port': Number(SOCKS_PORT) },
        'http',
      ],
      [
        'PAC',
        { 'network.proxy.type': 2, 'network.proxy.autoconfig_url': `http://${SOCKS}/proxy.pac` },
        'http',
      ],
    ] as const)('by %s', async (how, preferences, protocol) => {
      const count = () => system().pair.client.metric('tributary_application_requests_total', { protocol });
      const before = await count();
      asked.length = 0;
      const firefox = await start(how.slice(0, 4).trim(), { ...QUIET, ...preferences });
      try {
        await loaded();
      } finally {
        firefox.kill('SIGKILL');
        await once(firefox, 'exit');
      }
      expect(asked.filter((path) => path.endsWith('.svg'))).toHaveLength(OBJECTS);
      expect((await count()) - before).toBeGreaterThan(0);
    });

    async function start(profile: string, preferences: object): Promise<ChildProcess> {
      const place = join(folder, profile);
      await mkdir(place, { recursive: true });
      const lines = Object.entries(preferences).map(
        ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
      );
      await writeFile(join(place, 'user.js'), `${lines.join('\n')}\n`);
      const url = `http://${NAME}:${PORT}/page.html`;
      return system().network.client.spawn(
        'firefox-esr',
        ['--headless', '--no-remote', '--profile', place, url],
        { stdio: 'ignore', env: { PATH: process.env.PATH, HOME: place, LANG: 'C.UTF-8' } },
      );
    }

    /** Resolves when the page has said that all its objects have come, and that its WebSocket has said hello. */
    function loaded(): Promise<void> {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`the page was not loaded; asked for: ${asked.join(' ')}`)),
          LOAD_LIMIT_MS,
        );
        onAsked = () => {
          const done = asked.find((path) => path.startsWith('/loaded/'));
          if (done === undefined) return;
          clearTimeout(timer);
          if (done === `/loaded/${OBJECTS}/hello`) resolve();
          else reject(new Error(`the page says ${done}`));
        };
      });
    }
  });
});
