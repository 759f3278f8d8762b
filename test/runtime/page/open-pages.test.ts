import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { PassThrough } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { eventText, OpenPages } from '../../../shared/runtime/page/open-pages.ts';

/** A page of an open connection, whose browser reads only after `read` is called. */
async function slowPage() {
  const server = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const browser = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void browser.destroy());
  browser.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
  const page = await new Promise<ServerResponse>((resolve) =>
    server.once('request', (_, response) => resolve(response)),
  );
  let text = '';
  const read = async (until: string) => {
    browser.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    while (!text.includes(until)) await new Promise((resolve) => setTimeout(resolve, 5));
    return text;
  };
  return { page, read };
}

it('is told of a long past at once, and passed over until it has taken that', async () => {
  const pages = new OpenPages<number>();
  const { page, read } = await slowPage();
  pages.add(page, 1, eventText('history', 'x'.repeat(20_000_000)));
  for (let i = 0; i < 100; i += 1) pages.tell(page, eventText('view', `passed over ${i}`), 2);
  expect([page.destroyed, pages.all]).toEqual([false, [[page, 1]]]);
  await read('\n\n');
  while (page.writableLength > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  pages.tell(page, eventText('view', 'the last'), 3);
  const text = await read('the last');
  expect(text).not.toContain('passed over');
  expect(pages.all).toEqual([[page, 3]]);
});

it('gives up a page that takes nothing', async () => {
  const pages = new OpenPages<null>();
  const { page } = await slowPage();
  pages.add(page, null, 'x'.repeat(20_000_000));
  for (let i = 0; i < 200; i += 1) pages.tell(page, eventText('view', i));
  expect(page.destroyed).toBe(true);
  while (!pages.isEmpty) await new Promise((resolve) => setTimeout(resolve, 5));
});

it('keeps no place for a page that has gone before it came', () => {
  const pages = new OpenPages<null>();
  const page = new PassThrough().destroy() as unknown as ServerResponse;
  for (let i = 0; i < 10; i += 1) pages.add(page, null);
  expect([pages.isEmpty, pages.isFull]).toEqual([true, false]);
});
