import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Pair } from '../end-to-end/support/pair.ts';
import { useCleanups } from '../support/cleanups.ts';
import { needs } from '../support/needs.ts';
import { Nginx } from './nginx.ts';
import { run } from './run.ts';

const BIG = randomBytes(50_000_000);
const SMALL = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`small-${i}`, randomBytes(5_000)]));

describe('curl', needs('curl', 'nginx'), () => {
  let pair: Pair;
  let nginx: Nginx;
  const onCleanup = useCleanups();
  beforeAll(async () => {
    pair = await Pair.start({
      client: { socks: { users: [{ name: 'alice', password: 'p@ss:word' }] } },
    });
    nginx = await Nginx.start(pair.host, { 'hello.html': 'hello', big: BIG, ...SMALL });
  });
  afterAll(async () => {
    await nginx.close();
    await pair.close();
  });

  it.each(['--socks5', '--socks5-hostname'])('%s: HTTP and HTTPS', async (option) => {
    expect(await curl(option, [`${nginx.http}/hello.html`])).toBe('hello');
    expect(await curl(option, ['--insecure', `${nginx.https}/hello.html`])).toBe('hello');
  });

  it.each(['--socks5', '--socks5-hostname'])('%s: the name localhost', async (option) => {
    const server = createServer((_request, response) => response.end('by name')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    onCleanup(() => server.close());
    const { port } = server.address() as AddressInfo;
    expect(await curl(option, ['--ipv4', `http://localhost:${port}/`])).toBe('by name');
  });

  it('keeps a connection alive through the pair', async () => {
    const urls = Array(5).fill(`${nginx.http}/hello.html`);
    const connects = await curl('--socks5-hostname', ['--write-out', ' %{num_connects}\n', ...urls]);
    expect(connects.split('\n').map((line) => line.trim())).toEqual(['hello 1', ...Array(4).fill('hello 0')]);
  });

  it('fetches sixty files at a time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-curl-'));
    onCleanup(() => rm(folder, { recursive: true, force: true }));
    await curl('--socks5-hostname', [
      ...['--parallel', '--parallel-immediate', '--parallel-max', '60', '--output', `${folder}/#1`],
      `${nginx.http}/small-[0-59]`,
    ]);
    for (let i = 0; i < 60; i += 1) {
      expect((await readFile(`${folder}/${i}`)).equals(SMALL[`small-${i}`]!)).toBe(true);
    }
  });

  it('fetches 50 MB byte for byte, and a part of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-curl-'));
    onCleanup(() => rm(folder, { recursive: true, force: true }));
    await curl('--socks5-hostname', ['--output', `${folder}/big`, `${nginx.http}/big`]);
    expect(sha256(await readFile(`${folder}/big`))).toBe(sha256(BIG));
    await curl('--socks5-hostname', [
      ...['--range', '1000-1999', '--output', `${folder}/part`],
      `${nginx.http}/big`,
    ]);
    expect((await readFile(`${folder}/part`)).equals(BIG.subarray(1000, 2000))).toBe(true);
  });

  // curl's codes: 97 is CURLE_PROXY, the proxy's reply in its message.
  it('understands refusals', async () => {
    const refused = curl('--socks5-hostname', [`http://${pair.host}:10/`]);
    await expect(refused).rejects.toThrow(/ended with 97:[\s\S]*connect/i);
    const denied = curl('--socks5-hostname', ['http://127.0.0.99:8080/']);
    await expect(denied).rejects.toThrow(/ended with 97/);
    const stranger = run('curl', [
      ...['--silent', '--show-error', '--socks5-hostname', `alice:wrong@${pair.host}:${pair.socks.port}`],
      nginx.http,
    ]);
    await expect(stranger).rejects.toThrow(/ended with 97/);
  });

  function curl(option: string, args: readonly string[]): Promise<string> {
    const proxy = [option, `${pair.host}:${pair.socks.port}`, '--proxy-user', 'alice:p@ss:word'];
    return run('curl', ['--silent', '--show-error', '--max-time', '20', ...proxy, ...args]);
  }
});

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
