import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import {
  ApplicationPoints,
  formatConfiguredPoint,
  listenPoints,
} from '../../../client-proxy/front/application-points.ts';
import { SourceGate } from '../../../client-proxy/front/source-gate.ts';
import { BlockPool } from '../../../shared/runtime/app/block-pool.ts';
import { ListenError } from '../../../shared/runtime/tcp/tcp-listener.ts';
import { temporaryDirectory } from '../../config/temporary-directory.ts';
import { freePort, takenPort } from '../../support/ports.ts';

const SOCKS = { descriptor: 3, name: 'socks' };
const OTHER = { descriptor: 4, name: 'other' };
const LOOPBACK = { host: '127.0.0.1', port: 1080 };

it('puts the sockets that were handed over in place of those that mean them', () => {
  expect(listenPoints([LOOPBACK], [SOCKS])).toEqual([LOOPBACK]);
  expect(listenPoints([LOOPBACK, { systemd: 'all' }], [SOCKS, OTHER])).toEqual([LOOPBACK, SOCKS, OTHER]);
  expect(listenPoints([{ systemd: 'other' }], [SOCKS, OTHER])).toEqual([OTHER]);
  // Each once.
  expect(listenPoints([{ systemd: 'other' }, { systemd: 'all' }], [SOCKS, OTHER])).toEqual([OTHER, SOCKS]);
});

it.each([
  [
    { systemd: 'all' },
    [],
    /^socks.listen: systemd: systemd has handed over no such socket \(it has: none\): start it by/,
  ],
  [{ systemd: 'tls' }, [SOCKS, OTHER], /^socks.listen: systemd:tls: .* \(it has: socks, other\)/],
])('says what to do where %j is not there', (point, inherited, message) => {
  expect(() => listenPoints([point], inherited)).toThrow(message);
});

it.each([
  [LOOPBACK, '127.0.0.1:1080'],
  [{ host: '::1', port: 1080 }, '[::1]:1080'],
  [{ path: '/run/tributary/socks', mode: 0o600 }, 'unix:/run/tributary/socks'],
  [{ systemd: 'all' }, 'systemd'],
  [{ systemd: 'socks' }, 'systemd:socks'],
])('%j reads %s', (point, text) => {
  expect(formatConfiguredPoint(point)).toBe(text);
});

it('takes the wildcards of both families', async () => {
  const logger = pino({ enabled: false });
  const clock = () => 0;
  const port = await freePort();
  const points = new ApplicationPoints({
    listen: [
      { host: '::', port },
      { host: '0.0.0.0', port },
    ],
    inherited: [],
    gate: new SourceGate({ allow: [], hasUsers: true, clock, logger }),
    logger,
    pool: new BlockPool(clock),
    onSocket() {},
    onError() {},
  });
  await points.open();
  expect(points.addresses).toEqual([`[::]:${port}`, `0.0.0.0:${port}`]);
  points.close();
});

it('listens at all, or at none', async () => {
  const path = join(await temporaryDirectory(), 'socks');
  const { port, free } = await takenPort();
  const logger = pino({ enabled: false });
  const clock = () => 0;
  const points = new ApplicationPoints({
    listen: [
      { path, mode: 0o600 },
      { host: '127.0.0.1', port },
    ],
    inherited: [],
    gate: new SourceGate({ allow: [], hasUsers: false, clock, logger }),
    logger,
    pool: new BlockPool(clock),
    onSocket() {},
    onError() {},
  });
  await expect(points.open()).rejects.toThrow(ListenError);
  expect([points.addresses, existsSync(path)]).toEqual([[], false]);
  await free();
  await points.open();
  expect(points.addresses).toEqual([`unix:${path}`, `127.0.0.1:${port}`]);
  points.close();
  expect([points.addresses, existsSync(path)]).toEqual([[], false]);
});
