import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../shared/protocol/destination.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { Program } from '../end-to-end/support/program.ts';
import { type NameServer, startNameServer } from '../support/name-server.ts';
import { needs } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { Caddy } from './caddy.ts';
import { run } from './run.ts';
import { SocksForwarder } from './socks-forwarder.ts';

const ADDRESS = '192.0.2.7';
const BIG_BYTES = 3_000_000;
/** Datagrams of iperf3, and for how long. */
const IPERF = { rate: '2M', bytes: '1200', seconds: '2' };

describe('datagrams of applications', () => {
  let pair: Pair;
  let names: NameServer;
  let folder: string;
  beforeAll(async () => {
    pair = await Pair.start();
    names = await startNameServer((type) => ({ addresses: type === 'A' ? [ADDRESS] : [] }));
    folder = await mkdtemp(join(tmpdir(), 'tributary-datagrams-'));
  });
  afterAll(async () => {
    names.close();
    await pair.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('dig, through a forwarder that is made with the npm package socks', needs('dig'), async () => {
    const forwarder = await SocksForwarder.start(pair.socks, nameServer());
    try {
      for (let i = 0; i < 3; i++) expect(await dig(forwarder.port, `host-${i}.test`)).toBe(`${ADDRESS}\n`);
      expect(forwarder.associationCount).toBe(3);
    } finally {
      await forwarder.close();
    }
    expect(names.queries.filter((query) => /^A host-\d.test$/.test(query))).toHaveLength(3);
  });

  it('dig, through redsocks', needs('dig', 'redsocks'), async () => {
    const port = await freePort();
    const { host, port: namesPort } = nameServer();
    const file = join(folder, 'redsocks.conf');
    const udp = [
      ...[`local_ip = 127.0.0.1; local_port = ${port};`, `ip = ${pair.host}; port = ${pair.socks.port};`],
      `dest_ip = ${host}; dest_port = ${namesPort}; udp_timeout = 30;`,
    ].join(' ');
    const base = 'log_info = on; log = "stderr"; daemon = off; redirector = generic;';
    await writeFile(file, `base { ${base} }\nredudp { ${udp} }\n`);
    const redsocks = new Program('redsocks', ['-c', file]);
    try {
      await redsocks.untilLine('redsocks started');
      expect(await dig(port, 'red.test')).toBe(`${ADDRESS}\n`);
    } finally {
      await redsocks.kill();
    }
  });

  it("Python's PySocks", needs('python'), async () => {
    const script = [
      'import socks, sys',
      'udp = socks.socksocket(socks.socket.AF_INET, socks.socket.SOCK_DGRAM)',
      'udp.settimeout(5)',
      'udp.set_proxy(socks.SOCKS5, sys.argv[1], int(sys.argv[2]))',
      // A query for "py.test".
      'query = bytes.fromhex("123401000001000000000000") + b"\\x02py\\x04test\\0" + bytes.fromhex("00010001")',
      'udp.sendto(query, (sys.argv[3], int(sys.argv[4])))',
      'answer, source = udp.recvfrom(1500)',
      'print(answer[:2].hex(), ".".join(map(str, answer[-4:])), source[0], source[1])',
    ].join('\n');
    const { host, port } = nameServer();
    const args = ['-c', script, pair.host, String(pair.socks.port), host, String(port)];
    expect(await run('/usr/bin/python3', args)).toBe(`1234 ${ADDRESS} ${host} ${port}`);
  });

  it('iperf3, both ways', { ...needs('iperf3'), timeout: 180_000 }, async () => {
    const port = await freePort();
    const server = new Program('iperf3', [
      '--server',
      '--forceflush',
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
    ]);
    const forwarder = await SocksForwarder.start(pair.socks, { host: '127.0.0.1', port });
    try {
      await server.untilLine('Server listening');
      for (const direction of [[], ['--reverse']]) {
        const { seconds, rate, bytes } = IPERF;
        const told = await run('iperf3', [
          ...['--client', forwarder.host, '--port', String(forwarder.port), '--json', '--udp'],
          ...['--bitrate', rate, '--length', bytes, '--time', seconds, ...direction],
        ]);
        const { sum } = JSON.parse(told).end;
        expect(sum.bytes).toBeGreaterThan(200_000);
        // A machine that is busy makes every queue on the way overflow.
        expect(sum.lost_percent).toBeLessThan(50);
      }
    } finally {
      await forwarder.close();
      await server.kill();
    }
  });

  it('HTTP/3 of Chromium, through a forwarder', {
    ...needs('chromium', 'caddy'),
    timeout: 180_000,
  }, async () => {
    const caddy = await Caddy.start(pair.host, 'origin.test', {
      'big.js': `window.big = '${'x'.repeat(BIG_BYTES)}';`,
      'page.html': `<!DOCTYPE html><script src="big.js"></script><p></p><script>
        const told = performance.getEntriesByType('navigation')[0].nextHopProtocol;
        document.querySelector('p').textContent = told + ' ' + big.length;
      </script>`,
    });
    const forwarder = await SocksForwarder.start(pair.socks, { host: caddy.host, port: caddy.port });
    try {
      const name = `origin.test:${caddy.port}`;
      const dom = await run(
        'chromium',
        [
          ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--no-proxy-server'],
          ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
          ...[`--user-data-dir=${folder}/profile`, '--enable-quic', `--origin-to-force-quic-on=${name}`],
          `--ignore-certificate-errors-spki-list=${caddy.keyHash}`,
          // Nothing else is asked for by name.
          `--host-resolver-rules=MAP ${name} ${forwarder.host}:${forwarder.port}, MAP * ~NOTFOUND`,
          ...['--dump-dom', `https://${name}/page.html`],
        ],
        50_000,
      );
      expect(dom).toContain(`<p>h3 ${BIG_BYTES}</p>`);
      expect(new Set((await caddy.requests()).map(({ protocol }) => protocol))).toEqual(
        new Set(['HTTP/3.0']),
      );
    } finally {
      await forwarder.close();
      await caddy.close();
    }
  });

  function nameServer(): Destination {
    const [host = '', port = ''] = names.address.split(':');
    return { host, port: Number(port) };
  }

  function dig(port: number, name: string): Promise<string> {
    const options = ['+short', '+tries=1', '+timeout=15', '+nocookie', '+noedns'];
    return run('dig', ['@127.0.0.1', '-p', String(port), name, 'A', ...options]).then(
      (text) => `${text.trim()}\n`,
    );
  }
});
