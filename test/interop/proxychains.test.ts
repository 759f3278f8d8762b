import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pair } from '../end-to-end/support/pair.ts';
import { needs } from '../support/needs.ts';
import { Nginx } from './nginx.ts';
import { run } from './run.ts';

const LOAD_SECONDS = 3;
const BODY = randomBytes(4_000).toString('base64');

describe('proxychains', needs('proxychains', 'curl', 'nginx', 'wrk'), () => {
  let pair: Pair;
  let nginx: Nginx;
  let folder: string;
  beforeAll(async () => {
    pair = await Pair.start();
    nginx = await Nginx.start(pair.host, { body: BODY });
    folder = await mkdtemp(join(tmpdir(), 'tributary-proxychains-'));
    const proxy = `socks5 ${pair.host} ${pair.socks.port}`;
    await writeFile(join(folder, 'chain.conf'), `strict_chain\n[ProxyList]\n${proxy}\n`);
  });
  afterAll(async () => {
    await nginx.close();
    await pair.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('leads curl, which knows of no proxy, through the pair', async () => {
    expect(await chained('curl', ['--silent', '--show-error', `${nginx.http}/body`])).toBe(BODY);
    expect((await pair.metrics('client')).sum('tributary_stream_opens_total', { result: 'ok' })).toBe(1);
  });

  it('leads the load of wrk through the pair, without an error', async () => {
    const report = await chained('wrk', [
      ...['--threads', '1', '--connections', '32', '--duration', `${LOAD_SECONDS}s`],
      `${nginx.http}/body`,
    ]);
    const requests = Number(/(\d+) requests in/.exec(report)?.[1]);
    expect(requests).toBeGreaterThan(100);
    expect(report).not.toMatch(/Socket errors|Non-2xx/);
    const answered = (await nginx.accessLog()).filter((line) => line.endsWith('/body'));
    expect(answered.length).toBeGreaterThanOrEqual(requests);
    const metrics = await pair.metrics('client');
    const received = metrics.sum('tributary_uplink_bytes_total', { direction: 'received' });
    expect(received).toBeGreaterThan(requests * BODY.length);
  });

  function chained(program: 'curl' | 'wrk', args: readonly string[]): Promise<string> {
    const options = ['-q', '-f', join(folder, 'chain.conf')];
    return run('proxychains4', [...options, program, ...args], 30_000);
  }
});
