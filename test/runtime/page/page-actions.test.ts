import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ActionError, type PageAction, pageAction } from '../../../shared/runtime/page/page-actions.ts';
import { basic, servePage, TOKEN } from './serve-page.ts';

const BODY = { uplink: 'dsl' };
const MAX_BODY_BYTES = 16 * 1024;

async function serve(
  options: Parameters<typeof servePage>[0] = {},
  more: ReadonlyMap<string, PageAction> = new Map(),
) {
  const done: unknown[] = [];
  const actions = new Map<string, PageAction>([
    [
      'use',
      pageAction(z.strictObject({ uplink: z.string() }), (body) => {
        done.push(body);
        return { used: body.uplink };
      }),
    ],
    ['cannot', () => Promise.reject(new ActionError('the file has changed'))],
    ['broken', () => Promise.reject(new Error('a defect'))],
  ]);
  const page = await servePage(options, new Map([...actions, ...more]));
  /** @param change headers; undefined leaves one out */
  const post = async (
    change: Readonly<Record<string, string | undefined>> = {},
    { path = '/actions/use', body = JSON.stringify(BODY), method = 'POST' } = {},
  ) => {
    const own = `127.0.0.1:${page.port}`;
    const headers = {
      Host: own,
      Origin: `http://${own}`,
      'Content-Type': 'application/json',
      'X-Tributary-Token': TOKEN,
      'Content-Length': String(Buffer.byteLength(body)),
      Connection: 'close',
      ...change,
    };
    const lines = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value.replace('OWN', own)}`],
    );
    const answer = await page.send([`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n'));
    const [head = '', text = ''] = answer.split('\r\n\r\n');
    return { status: Number(head.split(' ')[1]), head, text };
  };
  return { post, done, ask: page.ask };
}

describe('an action of the page', () => {
  it('is done, and answered, for the page of the endpoint', async () => {
    const { post, done } = await serve();
    const { status, head, text } = await post({ 'Sec-Fetch-Site': 'same-origin' });
    expect([status, JSON.parse(text), done]).toEqual([200, { used: 'dsl' }, [BODY]]);
    expect(head).not.toMatch(/access-control/i);
    expect(head).toMatch(/content-security-policy: default-src 'none'/i);
  });

  it.each<readonly [string, number, Readonly<Record<string, string | undefined>>]>([
    ['a page of another site', 403, { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://attacker.example' }],
    ['a page of the same site at another port', 403, { 'Sec-Fetch-Site': 'same-site' }],
    ['a page that says where it comes from twice', 403, { 'Sec-Fetch-Site': 'same-origin, cross-site' }],
    ['another site, by a browser that says only Origin', 403, { Origin: 'http://attacker.example' }],
    ['another port of this machine', 403, { Origin: 'http://127.0.0.1:1' }],
    ['a frame without an origin', 403, { Origin: 'null' }],
    ['no address at all', 403, { Origin: 'nonsense' }],
    [
      'another name for this endpoint (rebinding)',
      421,
      { Host: 'attacker.example', Origin: 'http://attacker.example' },
    ],
    ['a name with the right port (rebinding)', 421, { Host: 'localhost.attacker.example:9101' }],
    ['no token', 403, { 'X-Tributary-Token': undefined }],
    ['an empty token', 403, { 'X-Tributary-Token': '' }],
    ['another token', 403, { 'X-Tributary-Token': `${TOKEN}x` }],
    ['the token twice', 403, { 'X-Tributary-Token': `${TOKEN}, ${TOKEN}` }],
    ['the token as a cookie', 403, { 'X-Tributary-Token': undefined, Cookie: `x-tributary-token=${TOKEN}` }],
    ['a form', 415, { 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['a form with parts', 415, { 'Content-Type': 'multipart/form-data; boundary=x' }],
    ['text, which needs no leave', 415, { 'Content-Type': 'text/plain' }],
    ['text that names JSON', 415, { 'Content-Type': 'text/plain; application/json' }],
    ['no type', 415, { 'Content-Type': undefined }],
    ['a length and chunks', 400, { 'Transfer-Encoding': 'chunked' }],
  ])('is refused to %s (%i)', async (_, status, change) => {
    const { post, done } = await serve();
    expect((await post(change)).status).toBe(status);
    expect(done).toEqual([]);
  });

  it.each<readonly [string, number, { path?: string; body?: string; method?: string }]>([
    ['GET', 405, { method: 'GET', body: '' }],
    ['HEAD', 405, { method: 'HEAD', body: '' }],
    ['PUT', 405, { method: 'PUT' }],
    ['OPTIONS (CORS)', 405, { method: 'OPTIONS', body: '' }],
    ['no such action', 404, { path: '/actions/none' }],
    ['what every object has', 404, { path: '/actions/__proto__' }],
    ['a path below', 404, { path: '/actions/use/' }],
    ['a path that is no action', 405, { path: '/data/use' }],
    ['no JSON', 400, { body: '{' }],
    ['nothing', 400, { body: '' }],
    ['another shape', 400, { body: '{"uplink":1}' }],
    ['a key too many', 400, { body: '{"uplink":"dsl","x":1}' }],
    ['a list', 400, { body: '[]' }],
    ['a body that is too long', 413, { body: JSON.stringify({ uplink: 'x'.repeat(MAX_BODY_BYTES) }) }],
    ['what cannot be done', 409, { path: '/actions/cannot' }],
    ['what fails', 500, { path: '/actions/broken' }],
  ])('is not done for %s (%i)', async (_, status, request) => {
    const { post, done } = await serve();
    expect((await post({}, request)).status).toBe(status);
    expect(done).toEqual([]);
  });

  it('is told of where it fails by a defect, and only then', async () => {
    const defects: unknown[] = [];
    const onDefect = (error: unknown, action: string) =>
      void defects.push([action, (error as Error).message]);
    const { post } = await serve({
      actions: {
        token: TOKEN,
        onDefect,
        actions: new Map([
          ['broken', () => Promise.reject(new Error('a defect'))],
          ['cannot', () => Promise.reject(new ActionError('the file has changed'))],
        ]),
      },
    });
    await post({}, { path: '/actions/cannot' });
    await post({}, { path: '/actions/broken', body: '{' });
    await post({}, { path: '/actions/broken' });
    expect(defects).toEqual([['broken', 'a defect']]);
  });

  it('says in words why it is not done', async () => {
    const { post } = await serve();
    for (const [request, error] of [
      [{ path: '/actions/cannot' }, 'the file has changed'],
      [{ body: '{"uplink":1}' }, expect.stringContaining('uplink')],
      [{ body: 'x'.repeat(MAX_BODY_BYTES + 1) }, expect.stringContaining(String(MAX_BODY_BYTES))],
    ] as const)
      expect(JSON.parse((await post({}, request)).text)).toEqual({ error });
  });

  it('is for who has the password, where there is one, and for nobody where others get without', async () => {
    const open = await serve({ host: '0.0.0.0' });
    expect((await open.post()).status).toBe(403);
    const { post, done } = await serve({ host: '0.0.0.0', password: 'the right one' });
    expect((await post()).status).toBe(401);
    expect((await post({ Authorization: basic('x:the right one').authorization })).status).toBe(200);
    expect(done).toHaveLength(1);
    expect(open.done).toEqual([]);
  });

  it('is done so many at a time', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const actions = new Map([['wait', () => finished.then(() => ({}))]]);
    const { post } = await serve({}, actions);
    const waiting = Array.from({ length: 9 }, () => post({}, { path: '/actions/wait' }));
    await expect.poll(async () => (await Promise.race(waiting)).status).toBe(503);
    finish();
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(statuses.sort()).toEqual([...Array(8).fill(200), 503]);
  });
});
