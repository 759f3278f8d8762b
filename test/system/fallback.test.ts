/*
 * New connections without a concentrator. Besides what the network has (support/namespaces.ts), the origin has public addresses, and
 * the concentrator's namespace forwards to them, be the concentrator there or not (support/direct-origin.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { DirectOrigin } from './support/direct-origin.ts';
import { SOCKS } from './support/pair.ts';
import { describeSystem, report } from './support/system.ts';

const AFTER_MS = 2_000;
/** Beyond `after`: to notice that the concentrator is gone, to connect, and for a machine that is busy. */
const SLACK_MS = 1_000;
const RETURN_MS = 2_000;
/** Seconds where the machine has time for it. */
const SUSPECT_MS = 30_000;
/** Little beside the time that is measured. */
const BODY_BYTES = 30_000;
const REQUESTS = 30;

const paths = [
  { name: 'wan0', downMbps: 40, upMbps: 40 },
  { name: 'wan1', downMbps: 20, upMbps: 20 },
];
describeSystem('fallback: direct', { paths, congestionControl: 'cubic' }, (system) => {
  let origin: DirectOrigin;
  beforeAll(async () => {
    origin = await DirectOrigin.start(system().network);
  });
  afterAll(() => origin?.stop());

  const tunnel = () => system().network.origin.address.v4.replace(/\d+$/, '1');
  const direct = () => system().network.paths.map(({ address }) => address.v4);
  const start = async (more: object = {}) => {
    const { pair } = system();
    await pair.amend(pair.clientFile, {
      fallback: { to: 'direct', after: `${AFTER_MS}ms` },
      socks: { listen: SOCKS },
      steering: {},
      ...more,
    });
    await pair.start();
  };
  const killConcentrator = async () => {
    const { concentrator } = system().pair;
    concentrator.signal('SIGKILL');
    await concentrator.exited;
  };
  /** How long the slowest takes of as many requests as there are hosts: what the machine adds to every other time. */
  const slowestOfAll = async () => {
    const answers = await Promise.all(origin.hosts.map((host) => origin.get(host, `bytes/${BODY_BYTES}`)));
    return Math.max(...answers.map(({ tookMs }) => tookMs));
  };
  /** Resolves when requests come from one of these addresses; how long that took. */
  const untilPeer = async (expected: readonly string[], timeoutMs: number) => {
    const startMs = performance.now();
    for (let i = 0; ; i++) {
      const peer = await origin.peer(origin.hosts[i % origin.hosts.length]!);
      const tookMs = performance.now() - startMs;
      if (expected.includes(peer)) return tookMs;
      if (tookMs > timeoutMs) throw new Error(`after ${Math.round(tookMs)} ms requests come from "${peer}"`);
      await sleep(50);
    }
  };

  test('a concentrator is killed: new and waiting connections go directly, and back when it returns', async () => {
    const { pair, network } = system();
    await start();
    const busyMs = await slowestOfAll();
    expect(await origin.peer(origin.hosts[0]!)).toBe(tunnel());
    await killConcentrator();
    const waiting = await Promise.all(origin.hosts.map((host) => origin.get(host, `bytes/${BODY_BYTES}`)));
    expect(waiting.filter((answer) => !DirectOrigin.isWhole(answer, BODY_BYTES))).toEqual([]);
    const slowestMs = Math.max(...waiting.map(({ tookMs }) => tookMs));
    const { client } = pair;
    expect(await client.metric('tributary_direct_requests_total', { reason: 'waited' })).toBe(
      origin.hosts.length,
    );
    const peers = await Promise.all(origin.hosts.map((host) => origin.peer(host)));
    expect([...new Set(peers)].sort()).toEqual([...direct()].sort());
    // A host keeps its uplink.
    expect(await Promise.all(origin.hosts.map((host) => origin.peer(host)))).toEqual(peers);
    expect(await client.metric('tributary_fallback_active')).toBe(1);
    const ready = await network.client.exec('curl', ['-sS', '--fail', 'http://127.0.0.1:9101/readyz']);
    expect(ready).toContain('new connections go directly');
    const text = await network.client.exec('curl', ['-sS', '--fail', 'http://127.0.0.1:9101/status.txt']);
    expect(text).toMatch(/fallback +new connections go directly/);

    const open = origin.get(origin.hosts[0]!, 'bytes/8000000');
    await sleep(500);
    await pair.startConcentrator();
    const returnMs = await untilPeer([tunnel()], RETURN_MS + 2 * busyMs);
    report(
      `fallback after ${AFTER_MS} ms: served ${Math.round(slowestMs)} ms after the kill at the latest ` +
        `(requests take ${Math.round(busyMs)} ms here); ` +
        `back in the tunnel ${Math.round(returnMs)} ms after the concentrator was up`,
    );
    expect(slowestMs).toBeLessThan(AFTER_MS + SLACK_MS + 2 * busyMs);
    expect(DirectOrigin.isWhole(await open, 8_000_000)).toBe(true);
    expect(await client.metric('tributary_fallback_active')).toBe(0);
    const said = client.log.filter(({ msg }) => msg.includes('fallback'));
    expect(said.map(({ msg }) => msg.slice(0, 20))).toEqual(['the concentrator can', 'the fallback ends: n']);
  });

  test('a concentrator that is there and silent counts as gone', async () => {
    const { network } = system();
    await start();
    const { v4, v6 } = network.concentrator.address;
    const drops = `ip saddr ${v4} drop; ip6 saddr ${v6} drop;`;
    const rules = `table inet mute { chain out { type filter hook output priority 0; ${drops} }; }\n`;
    await network.concentrator.exec('nft', ['-f', '-'], { input: rules });
    onTestFinished(() =>
      network.concentrator.exec('nft', ['delete', 'table', 'inet', 'mute']).then(() => {}),
    );
    const tookMs = await untilPeer(direct(), 15_000);
    report(`a silent concentrator: direct after ${Math.round(tookMs)} ms`);
    // It takes a second or two until silence is taken for doubt.
    expect(tookMs).toBeLessThan(AFTER_MS + 3_000 + SLACK_MS);
  });

  test('rules hold, and an uplink that is dead fails no connection', async () => {
    const [blocked, named, bound] = origin.hosts as [string, string, string];
    await start({
      steering: {
        rules: [
          { cidr: blocked, block: true },
          { cidr: named, direct: 'wan1' },
          { cidr: bound, uplinks: ['wan1'] },
        ],
      },
    });
    const wan1 = direct()[1];
    await killConcentrator();
    await untilPeer(direct().slice(0, 1), AFTER_MS + SLACK_MS + 5_000);
    expect((await origin.get(blocked, 'peer')).exitCode).toBe(97);
    expect(await origin.peer(named)).toBe(wan1);
    expect(await origin.peer(bound)).toBe(wan1);
    // Private networks are not reached by chance.
    const { client } = system().network;
    const said = await client.exec('sh', [
      '-c',
      `curl -sS --max-time 10 --socks5-hostname ${SOCKS} ${system().pair.origin.url}/peer 2>&1; echo $?`,
    ]);
    expect(said).toContain('(2)\n97\n');

    // An uplink is dead: no connection fails, and it serves again when it is back.
    const { network } = system();
    const free = origin.hosts.slice(3);
    const busyMs = await slowestOfAll();
    const wan0 = network.path('wan0');
    await wan0.blackHole();
    const answers: Awaited<ReturnType<DirectOrigin['get']>>[] = [];
    try {
      for (let i = 0; i < REQUESTS; i++) {
        answers.push(await origin.get(free[i % free.length]!, 'peer'));
        await sleep(100);
      }
      await untilSuspect('wan0', 1, SUSPECT_MS);
    } finally {
      await wan0.restore();
    }
    expect(answers.map(({ exitCode }) => exitCode)).toEqual(answers.map(() => 0));
    expect(new Set(answers.map(({ body }) => body.toString()))).toEqual(new Set([wan1]));
    const times = answers.map(({ tookMs }) => tookMs);
    const backMs = await untilSuspect('wan0', 0, SUSPECT_MS);
    report(
      `an uplink dead: ${REQUESTS} connections, slowest ${Math.round(Math.max(...times))} ms, median ` +
        `${Math.round(times.sort((a, b) => a - b)[REQUESTS / 2]!)} ms; trusted again ${Math.round(backMs)} ms after its return`,
    );
    expect(Math.max(...times)).toBeLessThan(2_000 + 2 * busyMs);
  });

  async function untilSuspect(uplink: string, value: number, timeoutMs: number): Promise<number> {
    const startMs = performance.now();
    for (let i = 0; ; i++) {
      await origin.get(origin.hosts.at(-1 - (i % 8))!, 'peer');
      const is = await system().pair.client.metric('tributary_uplink_direct_suspect', { uplink });
      const tookMs = performance.now() - startMs;
      if (is === value) return tookMs;
      if (tookMs > timeoutMs) throw new Error(`${uplink}: still ${is} after ${Math.round(tookMs)} ms`);
      await sleep(200);
    }
  }
});
