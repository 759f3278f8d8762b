import type { ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { HttpEndpoint } from '../../../shared/runtime/observe/http-endpoint.ts';
import type { PageAction } from '../../../shared/runtime/page/page-actions.ts';
import { WebPage, type WebPageOptions } from '../../../shared/runtime/page/web-page.ts';

const text = (type: string, content: string) => ({ type, read: async () => Buffer.from(content) });
const FILES = new Map([
  ['/', text('text/html', '<title>page</title>')],
  ['/page/main.js', text('text/javascript', 'code')],
]);
export const TOKEN = 'the token of this run';

/** A page with two files, at an endpoint of its own until the test ends. */
export async function servePage(
  options: Partial<WebPageOptions> = {},
  actions: ReadonlyMap<string, PageAction> = new Map(),
) {
  const asked: string[] = [];
  const feed = {
    isFull: false,
    open(page: ServerResponse, query: URLSearchParams) {
      asked.push(`${query}`);
      page.end('event: view\ndata: {}\n\n');
    },
  };
  const page = {
    ...{ host: '127.0.0.1', password: undefined, files: FILES, feed },
    ...{ actions: { actions, token: TOKEN }, clock: () => performance.now() },
    ...options,
  };
  const endpoint = new HttpEndpoint({
    listen: { host: '127.0.0.1', port: 0 },
    hosts: ['router.lan'],
    registry: new Registry(),
    ready: () => ({ ok: true, reasons: [] }),
    status: () => ({}),
    statusText: () => '',
    pages: new WebPage(page),
  });
  const { port } = (await endpoint.start())!;
  onTestFinished(() => endpoint.close());
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, { headers });
  /** Sends these bytes, which ask for the connection to be closed, and resolves to the answer: fetch() would not say all of it. */
  const send = async (bytes: string) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.write(bytes);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    return answer;
  };
  return { ask, asked, port, send };
}

export const basic = (login: string) => ({
  authorization: `Basic ${Buffer.from(login).toString('base64')}`,
});
