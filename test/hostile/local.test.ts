import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOnPath } from '../bed/on-path.ts';
import { parseMetrics } from '../end-to-end/support/metrics-text.ts';
import { type Origin, startOrigin } from '../end-to-end/support/origin.ts';
import { programFile } from '../end-to-end/support/program.ts';
import { readAll, socksConnect } from '../end-to-end/support/socks-client.ts';
import { needs } from '../support/needs.ts';
import { runCommand, succeed } from './support/command.ts';
import { initIn, temporaryFolder } from './support/folder.ts';
import { OwnPair } from './support/own-pair.ts';

describe('a web page that has rebound its name', () => {
  let pair: OwnPair;
  beforeAll(async () => {
    pair = await OwnPair.start();
  });
  afterAll(() => pair.close());

  const asked = (port: number, ...args: string[]) =>
    curl(
      '--silent',
      '--max-time',
      '5',
      '--write-out',
      '\n%{http_code}',
      ...args,
      `http://${pair.host}:${port}/status`,
    );

  it.each([
    ['attacker.example', 29101],
    ['attacker.example', 29102],
    ['attacker.example:29101', 29101],
    ['localhost.attacker.example:29102', 29102],
    ['127.0.0.1:1', 29101],
    ['', 29102],
  ])('named %j gets nothing at port %i', needs('curl'), async (host, port) => {
    const answer = await asked(port, '--header', host === '' ? 'Host;' : `Host: ${host}`);
    expect(answer).toMatch(/\n4(21|00)$/);
    expect(answer).not.toMatch(/uplink|laptop|127\.0\.0\.[23]/);
  });

  it('while the owner, and the names of the configuration, get it', needs('curl'), async () => {
    expect(await asked(29101)).toMatch(/"uplinks"[\s\S]*\n200$/);
    expect(await asked(29101, '--header', 'Host: LOCALHOST.:29101')).toMatch(/\n200$/);
    expect(await asked(29102, '--header', 'Host: stats.example.org')).toMatch(/\n200$/);
    expect(await succeed('client-proxy', ['status', '--config', pair.clientFile])).toContain('uplink0');
    expect(await pair.manage('status')).toContain('laptop');
    const headers = await curl('--silent', '--head', `http://${pair.host}:29101/metrics`);
    expect(headers.toLowerCase()).toContain('cross-origin-resource-policy: same-origin');
    expect(headers.toLowerCase()).toContain('x-content-type-options: nosniff');
  });
});

describe('a link', () => {
  it('is on no command line of the documented ways to join', async () => {
    const folder = await temporaryFolder();
    const link = await initIn(folder);
    const file = join(folder, 'link');
    await writeFile(file, link, { mode: 0o600 });
    const ways: [args: string[], input: string][] = [
      [[], link],
      [['-'], `\n  ${link}`],
      [['--link-file', file], ''],
    ];
    for (const [index, [args, input]] of ways.entries()) {
      const target = join(folder, `client${index}.yaml`);
      const result = await runCommand('client-proxy', ['join', ...args, '--config', target], { input });
      expect(result).toMatchObject({ code: 0, stdout: '' });
      expect(result.commandLine + result.stdout + result.stderr).not.toContain(keyText(link));
      expect(result.stderr).not.toContain('warning:');
      expect(await readFile(target, 'utf8')).toContain(keyText(link));
    }
    const warned = await runCommand('client-proxy', [
      'join',
      link.trim(),
      '--config',
      join(folder, 'c.yaml'),
    ]);
    expect(warned.stderr).toMatch(/warning: a link on the command line can be seen by other users/);
    const nothing = await runCommand('client-proxy', ['join', '--config', join(folder, 'n.yaml')]);
    expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('no link was given')]);
  });
});

describe('a link that is typed', () => {
  const scriptIsThere = isOnPath('script');

  it.skipIf(!scriptIsThere)('at the prompt is not shown', async () => {
    const folder = await temporaryFolder();
    const link = await initIn(folder);
    const target = join(folder, 'client.yaml');
    const command = `${process.execPath} ${programFile('client-proxy')} join --config ${target}`;
    // A terminal of its own.
    const terminal = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null']);
    let shown = '';
    terminal.stdout.on('data', (text) => {
      if (!shown.includes('Paste') && `${shown}${text}`.includes('Paste')) terminal.stdin.write(link.trim());
      if (!shown.includes('Enter') && `${shown}${text}`.includes('Enter')) terminal.stdin.write('\r');
      shown += text;
    });
    const [code] = await once(terminal, 'close');
    expect([code, shown.includes(keyText(link)), shown.includes('Wrote')]).toEqual([0, false, true]);
    expect(await readFile(target, 'utf8')).toContain(keyText(link));
  });
});

describe('guesses at a SOCKS password, and places', () => {
  const users = [{ name: 'ada', password: 'lovelace' }];
  let pair: OwnPair;
  let origin: Origin;
  beforeAll(async () => {
    pair = await OwnPair.start();
    await pair.amend(pair.clientFile, {
      socks: { listen: `${pair.host}:${pair.socks.port}`, users, maxConnections: 1_024 },
    });
    await pair.client.stop();
    await pair.startClient();
    origin = await startOrigin((socket) => void socket.end('hello'));
  });
  afterAll(async () => {
    await origin.close();
    await pair.close();
  });

  const right = { login: { user: 'ada', password: 'lovelace' } };
  const ATTACKER = '127.0.0.9';

  it('are checked about one a second, and nobody else waits', { timeout: 180_000 }, async () => {
    const inUse = await socksConnect(pair.socks, origin, right);
    const GUESS_MS = 4_000;
    const startMs = performance.now();
    const isOver = () => performance.now() - startMs > GUESS_MS;
    let attempts = 0;
    const guesser = async () => {
      while (!isOver()) {
        attempts += 1;
        const login = { user: 'ada', password: `guess${attempts}` };
        const guess = socksConnect(pair.socks, origin, { login, localAddress: ATTACKER });
        expect(await guess.catch(() => undefined)).toBeUndefined();
      }
    };
    let slowestMs = 0;
    const honest = async () => {
      while (!isOver()) {
        const beganMs = performance.now();
        const { reply, socket } = await socksConnect(pair.socks, origin, right);
        expect([reply, (await readAll(socket)).bytes.toString()]).toEqual([0, 'hello']);
        slowestMs = Math.max(slowestMs, performance.now() - beganMs);
      }
    };
    await Promise.all([...Array.from({ length: 20 }, guesser), honest()]);
    const seconds = (performance.now() - startMs) / 1_000;
    const failures = await failedNegotiations(pair);
    process.stdout.write(
      `guesses: ${attempts} in ${seconds.toFixed(1)} s by 20 connections, ${failures('badCredentials')} checked, ` +
        `${failures('tooManyLogins')} turned away; an honest login took ${Math.round(slowestMs)} ms at most\n`,
    );
    // One at once, one a second, and five that stood in line.
    expect(failures('badCredentials')).toBeLessThanOrEqual(seconds + 7);
    expect(slowestMs).toBeLessThan(4_000);
    expect((await readAll(inUse.socket)).bytes.toString()).toBe('hello');
    // Nor is the log filled by it.
    expect(pair.client.output.split('\n').filter((line) => line.includes('"SOCKS5')).length).toBeLessThan(
      100,
    );
  });

  it('need not be made to take all places: who says nothing gives way', { timeout: 180_000 }, async () => {
    const inUse = await socksConnect(pair.socks, origin, right);
    const silent: Socket[] = [];
    for (let i = 0; i < 1_500; i++) {
      const socket = connect({ ...pair.socks, localAddress: i % 2 === 0 ? ATTACKER : '127.0.0.10' });
      socket.on('error', () => {});
      silent.push(socket);
      if (i % 100 === 0) await once(socket, 'connect');
    }
    const { reply, socket } = await socksConnect(pair.socks, origin, right);
    expect([reply, (await readAll(socket)).bytes.toString()]).toEqual([0, 'hello']);
    expect((await readAll(inUse.socket)).bytes.toString()).toBe('hello');
    expect((await failedNegotiations(pair))('gaveWay')).toBeGreaterThan(700);
    for (const one of silent) one.destroy();
  });
});

/** How many connections have made no request, by the reason. */
async function failedNegotiations(pair: OwnPair): Promise<(reason: string) => number> {
  const text = await (await fetch(`http://${pair.host}:29101/metrics`)).text();
  const metrics = parseMetrics(text);
  return (reason) => metrics.sum('tributary_application_failed_negotiations_total', { reason });
}

async function curl(...args: string[]): Promise<string> {
  return (await promisify(execFile)('curl', args)).stdout;
}

function keyText(link: string): string {
  return /:([\w-]{43})@/.exec(link)![1]!;
}
