import { describe, expect, it } from 'vitest';
import type { PageData } from '../../../shared/runtime/page/web-page.ts';
import { basic, servePage as serve, TOKEN } from './serve-page.ts';

const PATHS = ['/', '/page/main.js', '/events', '/data/thing'];
const data = new Map<string, PageData>([
  ['thing', (query: URLSearchParams) => ({ asked: query.get('for') })],
]);

describe('the page of a program', () => {
  it.each(PATHS)('serves %s with a policy that allows nothing of others', async (path) => {
    const { ask } = await serve({ data });
    const { status, headers } = await ask(path);
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy');
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toContain('unsafe');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });

  it('tells what the page asks for', async () => {
    const { ask, asked } = await serve({ data });
    const answer = await ask('/events?after=1234');
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(await answer.text()).toBe(
      `event: token\ndata: ${JSON.stringify(TOKEN)}\n\nevent: view\ndata: {}\n\n`,
    );
    for (const query of ['', '?after=', '?after=x']) await (await ask(`/events${query}`)).text();
    expect(asked).toEqual(['after=1234', '', 'after=', 'after=x']);
  });

  it.each(PATHS)('refuses %s by another name (DNS rebinding)', async (path) => {
    const { port, send } = await serve({ data });
    const answer = await send(
      `GET ${path} HTTP/1.1\r\nHost: attacker.example:${port}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 421 /);
  });

  it.each([
    ['Sec-Fetch-Site', 'cross-site', 403],
    ['Sec-Fetch-Site', 'same-site', 403],
    ['Sec-Fetch-Site', 'none', 403],
    ['Sec-Fetch-Site', 'same-origin', 200],
    ['Origin', 'http://attacker.example', 403],
    ['Origin', 'null', 403],
    ['Origin', 'http://127.0.0.1:1', 403],
    ['Origin', 'OWN', 200],
    ['Referer', 'http://attacker.example/page', 403],
    ['Referer', 'http://127.0.0.1:1/', 403],
    ['Referer', 'nonsense', 403],
    ['Referer', 'OWN/#connections', 200],
  ])('to a browser that asks by %s %s answers %i', async (name, value, status) => {
    const { port, send } = await serve({ data });
    for (const path of ['/events', '/data/thing']) {
      const own = `127.0.0.1:${port}`;
      const header = `${name}: ${value.replace('OWN', `http://${own}`)}`;
      const answer = await send(
        `GET ${path} HTTP/1.1\r\nHost: ${own}\r\n${header}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    }
  });

  it('tells a view what it asks for, and says so when it cannot', async () => {
    const broken = () => Promise.reject(new Error('secret detail'));
    const { ask } = await serve({ data: new Map([...data, ['broken', broken]]) });
    expect(await (await ask('/data/thing?for=you')).json()).toEqual({ asked: 'you' });
    const answer = await ask('/data/broken');
    expect([answer.status, await answer.text()]).toEqual([500, 'this could not be collected\n']);
    expect((await ask('/data/none')).status).toBe(404);
  });

  it.each(['router.lan:99999', 'router.lan:443', '127.0.0.1:OWN'])(
    'takes any target for what it is: http://%s',
    async (authority) => {
      const { port, send, ask } = await serve({ data });
      const own = authority.replace('OWN', `${port}`);
      for (const path of ['/events?for=//[', '/data/thing?for=%', '/page/main.js?//[:x']) {
        const head = `GET http://${own}${path} HTTP/1.1\r\nHost: ${own}\r\nConnection: close\r\n\r\n`;
        expect(await send(head)).toMatch(own.endsWith('99999') ? /^HTTP\/1\.1 421 / : /^HTTP\/1\.1 200 /);
        expect(await send(head.replace('http://', '//'))).toMatch(/^HTTP\/1\.1 4(04|21) /);
      }
      expect((await ask('/')).status).toBe(200);
    },
  );

  it.each([undefined, 'secret'])('survives what fails, with the password %s', async (password) => {
    const broken = () => {
      throw new Error('broken');
    };
    const feed = { isFull: false, open: broken };
    const { ask } = await serve({ feed, data: new Map([['thing', broken]]), password });
    const right = password === undefined ? {} : basic(`x:${password}`);
    // The next one has to wait, so that nothing of the endpoint is around it.
    if (password !== undefined) await ask('/', basic('x:wrong'));
    const cut = ask('/events', right).then((answer) => answer.text());
    await expect(cut).rejects.toThrow();
    expect((await ask('/data/thing', right)).status).toBe(500);
    expect((await ask('/', right)).status).toBe(200);
  });

  it('only reads by these paths, and serves so many pages at a time', async () => {
    const { ask, port } = await serve({ data, feed: { isFull: true, open() {} } });
    expect((await ask('/events')).status).toBe(503);
    for (const path of PATHS)
      expect((await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' })).status).toBe(405);
  });

  it('is not served without a password where others can reach it; metrics are, as before', async () => {
    const { ask } = await serve({ data, host: '0.0.0.0' });
    for (const path of PATHS) {
      const answer = await ask(path);
      expect([answer.status, await answer.text()]).toEqual([
        403,
        expect.stringContaining('metrics.password'),
      ]);
    }
    expect((await ask('/metrics')).status).toBe(200);
  });

  it.each(['0.0.0.0', '127.0.0.1'])('wants the password at %s, if there is one', async (host) => {
    const { ask } = await serve({ data, host, password: 'naïve: secret' });
    for (const path of PATHS) {
      const answer = await ask(path);
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
      expect((await ask(path, basic('anybody:naïve: secret'))).status).toBe(200);
    }
    for (const authorization of ['Basic', 'Basic !', 'Bearer x', 'Basic eA=='])
      expect((await ask('/', { authorization })).status).toBe(401);
  });

  it('slows down whoever guesses it', async () => {
    const { ask } = await serve({ data, password: 'the right one' });
    const startMs = performance.now();
    const answers = await Promise.all([1, 2].map(() => ask('/', basic('x:wrong'))));
    expect(answers.map(({ status }) => status)).toEqual([401, 401]);
    expect(performance.now() - startMs).toBeGreaterThan(900);
  });
});
