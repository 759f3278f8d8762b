import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstRun } from '../../../client-proxy/cli/first-run.ts';
import type { ClientConfig } from '../../../client-proxy/config/client-config.ts';
import { loadClientConfig } from '../../../client-proxy/config/load-client-config.ts';
import { cli, clientDeps, KEY, LINK } from './client-cli-bed.ts';

/** A first run, with its page at a port of its own. */
async function begin(overrides: Parameters<typeof clientDeps>[0] = {}) {
  const { deps, file, said } = await clientDeps(overrides);
  const configured = firstRun({ config: undefined, listen: { host: '127.0.0.1', port: 0 } }, deps);
  await expect.poll(said).toContain('open http://');
  const url = /http:\/\/\S+\//.exec(said())![0];
  const post = async (body: object, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${url}actions/join`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, answer: (await answer.json()) as { error?: string; file?: string } };
  };
  const events = await eventsOf(url);
  const join = (link: string) => post({ link }, { 'X-Tributary-Token': events.token });
  return { configured, file, url, post, join, events, said };
}

/** What an open page hears at first. */
async function eventsOf(url: string) {
  const answer = await fetch(`${url}events`);
  let text = '';
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const data = (name: string) => new RegExp(`^event: ${name}\ndata: (.*)$`, 'm').exec(text)?.[1];
    const [token, view] = [data('token'), data('first-run')];
    if (token !== undefined && view !== undefined)
      return {
        token: JSON.parse(token) as string,
        view: JSON.parse(view) as { found: string[]; problem: string | null },
      };
  }
  throw new Error('the events ended');
}

describe('the first run in a browser', () => {
  it('goes on where uplinks cannot be looked for, and says why', async () => {
    let fails = true;
    const { configured, join, events } = await begin({
      interfaceBinding: () => {
        if (fails) throw new Error('eth0 went meanwhile');
        return { available: true };
      },
    });
    expect(events.view).toMatchObject({ found: [], problem: 'eth0 went meanwhile' });
    fails = false;
    await join(LINK);
    await configured;
  });

  it('shows the uplinks, takes the link, writes the configuration, and gives the port back', async () => {
    const { configured, file, url, join, events, said } = await begin();
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(`${url}readyz`)).status).toBe(503);
    expect(events.view).toMatchObject({
      found: [expect.stringMatching(/^eth0 \(.*10\.0\.0\.5/), 'wlan0 (192.168.1.5)'],
      file,
      problem: null,
    });
    const { status, answer } = await join(` '${LINK}'\n`);
    expect([status, answer.file]).toEqual([200, file]);
    expect(await configured).toBe(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await loadClientConfig(file)).client.id).toBe('laptop');
    expect(said()).not.toContain(KEY);
    await expect(fetch(url)).rejects.toThrow('fetch failed');
  });

  it.each([
    ['nothing', '', 'it must start with "tributary://"'],
    ['another address', 'https://example.org/', 'it must start with "tributary://"'],
    ['half of it', LINK.slice(0, 60), 'expected tributary://CLIENT:KEY@HOST:PORT'],
    ['a key that is cut', LINK.replace(KEY, KEY.slice(0, 20)), 'between ":" and "@" expected'],
    ['no pin', LINK.replace(/\?.*/, ''), 'pin'],
    ['far too much', 'x'.repeat(9_000), 'link'],
  ])('says what is wrong with %s, and takes the right one then', async (_, wrong, words) => {
    const { configured, join, file } = await begin();
    const { status, answer } = await join(wrong);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(answer.error).toContain(words);
    expect(answer.error).not.toContain(KEY);
    await expect(stat(file)).rejects.toThrow('ENOENT');
    expect((await join(LINK)).status).toBe(200);
    expect(await configured).toBe(file);
  });

  it.each<[string, Record<string, string>, number]>([
    ['without the token', {}, 403],
    ['with another token', { 'X-Tributary-Token': 'guessed' }, 403],
    ['of another site', { Origin: 'https://attacker.example' }, 403],
    ['of a form', { 'Content-Type': 'text/plain' }, 415],
  ])('takes no link %s', async (_, headers, status) => {
    const { configured, post, join, events, file } = await begin();
    const token =
      'X-Tributary-Token' in headers || status === 403 ? {} : { 'X-Tributary-Token': events.token };
    const all =
      'Origin' in headers ? { 'X-Tributary-Token': events.token, ...headers } : { ...token, ...headers };
    expect((await post({ link: LINK }, all)).status).toBe(status);
    await expect(stat(file)).rejects.toThrow('ENOENT');
    await join(LINK);
    await configured;
  });

  it('replaces no file that somebody has written meanwhile, and says so', async () => {
    const { configured, join, file } = await begin();
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'mine');
    const { status, answer } = await join(LINK);
    expect([status, answer.error]).toEqual([409, expect.stringContaining('exists already')]);
    void configured;
  });

  it('is none where there is a configuration: --first-run then changes nothing', async () => {
    const ran: ClientConfig[] = [];
    const { exec, file } = await cli({ run: async (config) => void ran.push(config) });
    await exec('join', LINK);
    expect(await exec('--first-run')).toMatchObject({ code: 0, stderr: '' });
    expect(ran.map((config) => config.file)).toEqual([file]);
  });

  it('is named where no configuration is found', async () => {
    const { exec } = await cli();
    const { code, stderr } = await exec();
    expect([code, stderr.includes('tributary-client --first-run')]).toEqual([2, true]);
  });
});
