import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pair } from '../end-to-end/support/pair.ts';
import { Program } from '../end-to-end/support/program.ts';
import { needs } from '../support/needs.ts';
import { Caddy } from './caddy.ts';

/** Asks a STUN server by UDP, and asks for more from where it came, which offers HTTP/3, when the answer has been awaited. */
const page = (stunPort: number) => `<!DOCTYPE html><script>
  const peer = new RTCPeerConnection({ iceServers: [{ urls: 'stun:127.0.0.1:${stunPort}' }] });
  let candidates = 0;
  peer.onicecandidate = ({ candidate }) => { if (candidate) candidates++; };
  peer.createDataChannel('x');
  peer.setLocalDescription();
  setTimeout(() => fetch('/told-' + candidates), 2_000);
</script>`;

describe('Chromium with a SOCKS5 proxy asks for no UDP', needs('chromium', 'caddy'), () => {
  let pair: Pair;
  let folder: string;
  const stun = createSocket('udp4');
  let asked = 0;
  beforeAll(async () => {
    pair = await Pair.start();
    folder = await mkdtemp(join(tmpdir(), 'tributary-chromium-udp-'));
    stun.on('message', () => void asked++);
    stun.bind(0, '127.0.0.1');
    await once(stun, 'listening');
  });
  afterAll(async () => {
    stun.close();
    await pair.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  it('pages come by TCP, and WebRTC goes past the proxy', { timeout: 180_000 }, async () => {
    const caddy = await Caddy.start(pair.host, pair.host, { 'page.html': page(stun.address().port) });
    const chromium = new Program('chromium', [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-port=0'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--enable-quic'],
      `--user-data-dir=${folder}`,
      `--proxy-server=socks5://${pair.host}:${pair.socks.port}`,
      '--proxy-bypass-list=<-loopback>',
      `--ignore-certificate-errors-spki-list=${caddy.keyHash}`,
      `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${pair.host}, EXCLUDE 127.0.0.1`,
      `https://${caddy.host}:${caddy.port}/page.html`,
    ]);
    try {
      const told = async () =>
        (await caddy.requests().catch(() => [])).filter(({ path }) => /told/.test(path));
      await expect.poll(async () => (await told()).length, { timeout: 30_000 }).toBe(1);
      await sleep(200);
      console.log(`${asked} packets to the STUN server`, await caddy.requests());
      expect(new Set((await caddy.requests()).map(({ protocol }) => protocol))).toEqual(
        new Set(['HTTP/2.0']),
      );
      expect(asked).toBeGreaterThan(0);
      expect((await pair.metrics('client')).sum('tributary_datagram_associates_total')).toBe(0);
    } finally {
      await chromium.kill();
      await caddy.close();
    }
  });
});
