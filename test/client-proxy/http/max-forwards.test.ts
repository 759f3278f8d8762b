import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SocksBed } from '../socks5/socks-bed.ts';
import { answerTo, startHttp, statusOf } from './http-bed.ts';

let bed: SocksBed;
let origin: Server;
let port: number;
const seen: string[] = [];

beforeEach(async () => {
  seen.length = 0;
  origin = createServer((req: IncomingMessage, res) => {
    seen.push(`${req.method} ${req.headers['max-forwards'] ?? '-'}`);
    res.end('of the origin');
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  port = (origin.address() as { port: number }).port;
  bed = await startHttp();
});

afterEach(async () => {
  await bed.stop();
  origin.closeAllConnections();
  origin.close();
});

function ask(method: string, fields: string): Promise<string> {
  const head = `${method} http://127.0.0.1:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
  return answerTo(bed.port, `${head}${fields}\r\n`);
}

describe('Max-Forwards (RFC 9110 section 7.6.2)', () => {
  it.each([
    ['OPTIONS', '', '-'],
    ['OPTIONS', 'Max-Forwards: 1\r\n', '0'],
    ['TRACE', 'max-forwards: 10\r\n', '9'],
    ['TRACE', 'Max-Forwards: 007\r\n', '6'],
    ['OPTIONS', 'Max-Forwards: 99999999999999999999\r\n', '255'],
    // It means nothing for other methods, and goes on as it came.
    ['GET', 'Max-Forwards: 0\r\n', '0'],
    ['GET', 'Max-Forwards: many\r\n', 'many'],
  ])('of %s %j reaches the origin as %s', async (method, fields, expected) => {
    const answer = await ask(method, fields);
    expect([statusOf(answer), seen]).toEqual([200, [`${method} ${expected}`]]);
    expect(answer).toContain('of the origin');
  });

  it('of 0 has OPTIONS answered here', async () => {
    const answer = await ask('OPTIONS', 'Max-Forwards: 0\r\n');
    expect([statusOf(answer), seen]).toEqual([200, []]);
    expect(answer).toMatch(/^Allow: .*OPTIONS.*\r$/m);
  });

  it('of 0 has TRACE answered here with what has come, but no secrets', async () => {
    const secrets = 'Authorization: Basic YTpi\r\nCookie: a=b\r\nProxy-Authorization: Basic YTpi\r\n';
    const answer = await ask('TRACE', `Max-Forwards: 0\r\n${secrets}Via: 1.1 other\r\n`);
    expect([statusOf(answer), seen]).toEqual([200, []]);
    expect(answer).toContain('\r\nContent-Type: message/http\r\n');
    const [, body = ''] = answer.split(/\r\n\r\n(.*)/s);
    expect(body.split('\r\n')).toEqual([
      `TRACE http://127.0.0.1:${port}/ HTTP/1.1`,
      ...['Host: x', 'Connection: close', 'Max-Forwards: 0', 'Via: 1.1 other', '', ''],
    ]);
  });

  it.each(['Max-Forwards: -1\r\n', 'Max-Forwards: 1, 2\r\n', 'Max-Forwards: 1\r\nMax-Forwards: 1\r\n'])(
    'that is not one number is refused: %j',
    async (fields) => {
      const answer = await ask('TRACE', fields);
      expect([statusOf(answer), seen]).toEqual([400, []]);
      expect(answer).toContain('Max-Forwards');
    },
  );
});
