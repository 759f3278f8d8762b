/*
 * Without any server: the client alone, with the configuration that a user would write. The origin has public addresses
 * (support/direct-origin.ts); the namespace of the concentrator is a router here.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { needs } from '../support/needs.ts';
import { DirectOrigin } from './support/direct-origin.ts';
import { Network } from './support/namespaces.ts';
import { command, Program } from './support/program.ts';
import { report } from './support/system.ts';
import { UdpCalls } from './support/udp-calls.ts';

const BODY_BYTES = 1_000_000;
const METRICS_PORT = 9101;
const TIMEOUT_MS = 60_000;
/** A second, on a machine that has time for it. */
const START_MS = 30_000;

describe('mode: direct', { timeout: TIMEOUT_MS, ...needs('network') }, () => {
  let network: Network;
  let origin: DirectOrigin;
  let folder: string;
  let client: Program | undefined;
  beforeAll(async () => {
    const paths = [
      { name: 'wan0', downMbps: 40, upMbps: 40 },
      { name: 'wan1', downMbps: 40, upMbps: 40 },
    ];
    network = await Network.create({ paths, congestionControl: 'cubic' });
    origin = await DirectOrigin.start(network);
    folder = await mkdtemp(join(tmpdir(), 'tributary-direct-'));
  });
  afterEach(async () => {
    await client?.stop();
    client = undefined;
  });
  afterAll(async () => {
    origin?.stop();
    await network?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const file = () => join(folder, 'client.yaml');
  const start = async (text: string) => {
    await writeFile(file(), `${text}log: { format: json }\n`, { mode: 0o600 });
    client = new Program(network.client, 'client-proxy', file(), METRICS_PORT);
    await client.untilLog(({ msg }) => msg === 'client proxy is up', { timeoutMs: START_MS });
    return client;
  };
  const ask = (path: string) =>
    network.client.exec('curl', ['-sS', '--fail', `http://127.0.0.1:${METRICS_PORT}${path}`]);

  test('with two lines of configuration, uses all uplinks, and says what they do', async () => {
    const { hosts } = origin;
    const program = await start('mode: direct\nuplinks: { include: ["wan*"] }\n');
    const answers = await Promise.all(hosts.map((host) => origin.get(host, `bytes/${BODY_BYTES}`)));
    expect(answers.filter((answer) => !DirectOrigin.isWhole(answer, BODY_BYTES))).toEqual([]);
    const peers = await Promise.all(hosts.map((host) => origin.peer(host)));
    expect(new Set(peers)).toEqual(new Set(network.paths.map(({ address }) => address.v4)));
    expect(await program.metric('tributary_direct_requests_total', { reason: 'mode' })).toBe(32);
    expect(await ask('/readyz')).toContain('uplink wan0: in use');
    const status = JSON.parse(await ask('/status'));
    expect(status).toMatchObject({ mode: 'direct', ready: true, session: { state: 'none' } });
    const text = await ask('/status.txt');
    expect(text).toMatch(/^mode +direct: no concentrator/m);
    expect(text).toMatch(/^UPLINK +DIRECT +CONNECT +RATE/m);
    expect(program.log.filter(({ level }) => Number(level) >= 40)).toEqual([]);

    const checked = await command(network.client, 'client-proxy', ['check', '--config', file()]);
    expect(checked).toMatch(/^found +wan1: interface wan1, up with 10.78.2.2/m);
    const examined = await command(network.client, 'client-proxy', ['doctor', '--config', file()]);
    expect(examined).toMatch(/route +the kernel has a way for/);
    expect(examined).toMatch(/measurements +mode is direct/);
  });

  test('shares connections out by weights', async () => {
    await start(
      'mode: direct\nuplinks:\n' +
        '  - { name: a, interface: wan0, weight: 3 }\n  - { name: b, interface: wan1, weight: 1 }\n' +
        'direct: { sticky: 0s }\n',
    );
    const peers: string[] = [];
    for (const host of origin.hosts) peers.push(await origin.peer(host));
    const [wan0] = network.paths.map(({ address }) => address.v4);
    expect(peers.filter((peer) => peer === wan0)).toHaveLength(12);
  });

  test('goes on over the other uplink when one is unplugged, and says so', async () => {
    const program = await start('mode: direct\nuplinks: { include: ["wan*"] }\n');
    const wan0 = network.path('wan0');
    await wan0.linkDown();
    try {
      await program.untilLog(({ msg, uplink }) => msg === 'state of an uplink' && uplink === 'wan0');
      const answers = await Promise.all(origin.hosts.map((host) => origin.get(host, 'peer')));
      expect(new Set(answers.map(({ body }) => body.toString()))).toEqual(
        new Set([network.path('wan1').address.v4]),
      );
      const slowestMs = Math.max(...answers.map(({ tookMs }) => tookMs));
      report(`an uplink unplugged: slowest of 16 connections ${Math.round(slowestMs)} ms`);
      expect(await ask('/readyz')).toMatch(/uplink wan0: .*(down|carrier|address)/);
    } finally {
      await wan0.linkUp();
    }
  });

  test('UDP goes on over the other uplink when its own is unplugged', async () => {
    const calls = await UdpCalls.start({ network }, origin.hosts[0]);
    const wan0 = network.path('wan0');
    try {
      await start(
        'mode: direct\nuplinks: { include: ["wan*"] }\n' +
          'steering: { default: { mode: active-standby, order: [wan0, wan1] } }\n',
      );
      const before = await network.path('wan1').counters();
      const call = calls.make({ answers: 300, gapMs: 10, bytes: 160 });
      await sleep(500);
      await wan0.linkDown();
      const { sent, came, longestMs } = await call;
      report(`an uplink unplugged: ${sent - came} of ${sent} datagrams lost, longest pause ${longestMs} ms`);
      expect(came).toBeGreaterThanOrEqual(300);
      const after = await network.path('wan1').counters();
      expect(after.sentBytes - before.sentBytes).toBeGreaterThan(100 * 160);
    } finally {
      await wan0.linkUp();
      calls.stop();
    }
  });
});
