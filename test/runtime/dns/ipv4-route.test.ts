import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { Ipv4Route } from '../../../shared/runtime/dns/ipv4-route.ts';
import { needs } from '../../support/needs.ts';

/** What connect(2) says of an address that only a default route covers, for each of the routes; in a network namespace of its own. */
const SCRIPT = `
  const { execFileSync } = require('node:child_process');
  const { createSocket } = require('node:dgram');
  const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  ip('link', 'set', 'lo', 'up');
  const codes = {};
  (async () => {
    for (const route of process.argv.slice(1)) {
      const words = route.split(' ');
      if (route !== 'none') ip('route', 'add', ...words);
      const socket = createSocket('udp4');
      await new Promise((resolve) => socket.bind(0, resolve));
      codes[route] = await new Promise((resolve) =>
        socket.connect(53, '192.0.2.1', (error) => resolve(error ? error.code : '')),
      );
      socket.close();
      if (route !== 'none') ip('route', 'del', ...words);
    }
    console.log(JSON.stringify(codes));
  })();`;

/** A route that is asked for each second, of a kernel that says this. */
function routeOf(kernel: { opens: string; connects: string }) {
  let nowMs = 0;
  const failure = (code: string) => Object.assign(new Error(code), { code });
  const route = new Ipv4Route(
    async () => {
      if (kernel.opens !== '') throw failure(kernel.opens);
      const socket = createSocket('udp4');
      socket.connect = ((_port: number, _host: string, done: (error?: Error) => void) =>
        done(kernel.connects === '' ? undefined : failure(kernel.connects))) as Socket['connect'];
      return socket;
    },
    () => nowMs,
  );
  return async () => {
    nowMs += 1_000;
    await route.refresh();
    return route.isThere;
  };
}

describe('a route for IPv4', () => {
  const ROUTES = ['default dev lo', 'none', 'unreachable default', 'prohibit default', 'blackhole default'];
  describe('by what the kernel says', needs('network'), () => {
    let codes: Record<string, string>;
    beforeAll(async () => {
      const args = ['--net', process.execPath, '-e', SCRIPT, ...ROUTES];
      const { stdout } = await promisify(execFile)('unshare', args, { timeout: 30_000 });
      codes = JSON.parse(stdout);
    }, 40_000);

    it.each(ROUTES)('%s', async (words) => {
      const isThere = routeOf({ opens: '', connects: codes[words]! });
      expect(await isThere()).toBe(words === 'default dev lo');
    });
  });

  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'EPERM'])(
    'is what it was while the kernel says %s',
    async (code) => {
      const kernel = { opens: '', connects: 'ENETUNREACH' };
      const isThere = routeOf(kernel);
      expect(await isThere()).toBe(false);
      kernel.opens = code;
      expect(await isThere()).toBe(false);
      Object.assign(kernel, { opens: '', connects: '' });
      expect(await isThere()).toBe(true);
      kernel.connects = code;
      expect(await isThere()).toBe(true);
    },
  );
});
