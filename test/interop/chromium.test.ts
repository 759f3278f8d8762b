import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pair } from '../end-to-end/support/pair.ts';
import { needs } from '../support/needs.ts';
import { Nginx } from './nginx.ts';
import { run } from './run.ts';

const OBJECTS = 60;
const OBJECT_BYTES = 10_000;

describe('Chromium', needs('chromium', 'nginx'), () => {
  let pair: Pair;
  let nginx: Nginx;
  let profile: string;
  beforeAll(async () => {
    pair = await Pair.start();
    nginx = await Nginx.start(pair.host, page());
    profile = await mkdtemp(join(tmpdir(), 'tributary-chromium-'));
  });
  afterAll(async () => {
    await nginx.close();
    await pair.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  });

  it('loads a page of 60 objects through the pair', { timeout: 180_000 }, async () => {
    const dom = await run(
      'chromium',
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        `--user-data-dir=${profile}`,
        `--proxy-server=socks5://${pair.host}:${pair.socks.port}`,
        // Without it Chromium goes to loopback directly.
        '--proxy-bypass-list=<-loopback>',
        // Nothing but the origin is asked for by name, here or at the proxy.
        `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${pair.host}`,
        '--dump-dom',
        `${nginx.http}/page.html`,
      ],
      50_000,
    );
    expect(dom).toContain(`<p>${OBJECTS} objects loaded</p>`);

    const answered = (await nginx.accessLog()).filter((line) => line.startsWith('200 '));
    const asked = new Set(answered.map((line) => line.split(' ')[2]));
    for (const file of Object.keys(page())) expect(asked).toContain(`/${file}`);

    const metrics = await pair.metrics('client');
    const received = metrics.sum('tributary_uplink_bytes_total', { direction: 'received' });
    expect(received).toBeGreaterThan(OBJECTS * OBJECT_BYTES);
    // A browser opens up to six connections to an origin.
    expect(metrics.sum('tributary_stream_opens_total', { result: 'ok' })).toBeGreaterThan(1);
  });
});

/** Pictures and scripts, half and half; each counts itself when it has come. */
function page(): Record<string, string> {
  const filler = 'x'.repeat(OBJECT_BYTES);
  const files: Record<string, string> = {};
  let body = '';
  for (let i = 0; i < OBJECTS / 2; i += 1) {
    files[`picture-${i}.svg`] =
      `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!--${filler}--></svg>`;
    files[`script-${i}.js`] = `loaded += 1; /* ${filler} */`;
    body += `<img src="picture-${i}.svg" onload="loaded += 1"><script src="script-${i}.js"></script>\n`;
  }
  const tell = `onload = () => { document.querySelector('p').textContent = loaded + ' objects loaded'; }`;
  files['page.html'] = `<!DOCTYPE html><script>let loaded = 0; ${tell}</script><p></p>\n${body}`;
  return files;
}
