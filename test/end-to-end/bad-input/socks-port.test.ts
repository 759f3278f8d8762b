import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startEcho } from '../support/origin.ts';
import { Pair } from '../support/pair.ts';
import { readAll, socksConnect } from '../support/socks-client.ts';

const MEGABYTE = 1_000_000;
const GREETED = '0500';
const NOTHING = '';
const failed = (code: number) => `${GREETED}05${code.toString(16).padStart(2, '0')}0001000000000000`;

describe('malformed input at the port for applications', () => {
  let pair: Pair;
  let echo: Origin;
  beforeAll(async () => {
    pair = await Pair.start({ client: { socks: { negotiationTimeout: '1s' } } });
    echo = await startEcho();
  });
  afterAll(async () => {
    await echo.close();
    await pair.close();
  });
  afterEach(async () => {
    const { reply, socket } = await socksConnect(pair.socks, echo);
    expect(reply).toBe(0);
    socket.end('next');
    expect((await readAll(socket)).bytes.toString()).toBe('next');
  });

  // What is sent, and the whole answer.
  it.each([
    ['no byte at all', '', NOTHING],
    ['zeros', '00'.repeat(300), NOTHING],
    ['SOCKS4 cut off', '0401005001020304', NOTHING],
    ['SOCKS4 BIND', '040200500102030400', '005b000000000000'],
    ['SOCKS4 with an endless user id', `0401005001020304${'61'.repeat(400)}`, '005b000000000000'],
    ['TLS', '1603010200010001fc0303', '1503030002020a'],
    ['HTTP cut off', '47455420', NOTHING],
    ['a greeting cut off', '05', NOTHING],
    ['no methods', '0500', '05ff'],
    ['GSSAPI only', '050101', '05ff'],
    ['all methods but ours', `05ff${'80'.repeat(255)}`, '05ff'],
    ['a request cut off', '050100050100017f00', GREETED],
    ['a request of another version', '05010004010001', `${GREETED}`],
    ['an unknown address type', '05010005010002', failed(8)],
    ['an empty name', '050100050100030000500000', failed(4)],
    ['a name with blanks', '05010005010003036120620050', failed(4)],
    ['a name of zeros', `0501000501000303${'00'.repeat(3)}0050`, failed(4)],
    ['port 0', '050100050100017f0000010000', failed(1)],
    ['an unknown command', '050100050400017f0000010050', failed(7)],
  ])('%s: ends within the time limit', async (_what, sent, answer) => {
    const socket = await open();
    socket.write(Buffer.from(sent, 'hex'));
    const { bytes } = await readAll(socket);
    expect(bytes.toString('hex')).toBe(answer);
    socket.destroy();
  });

  it.each([
    ['no HTTP', 'ANYTHING\r\n\r\n', 400],
    [
      'two lengths',
      'POST http://127.0.0.1/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx',
      400,
    ],
    ['an endless head', `GET http://127.0.0.1/ HTTP/1.1\r\n${'X: y\r\n'.repeat(50_000)}`, 431],
    ['a page of this port', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', 200],
    ['the same by a name that leads here', 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n', 421],
  ])('HTTP: %s: is told what is wrong', async (_what, sent, status) => {
    const socket = await open();
    socket.write(sent);
    expect((await readAll(socket)).bytes.toString()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    socket.destroy();
  });

  it('a megabyte of noise, a hundred times: costs no memory', async () => {
    const before = await residentBytes();
    for (let i = 0; i < 100; i += 1) {
      const socket = await open();
      socket.write(Buffer.alloc(MEGABYTE, i));
      await readAll(socket);
      socket.destroy();
    }
    expect((await residentBytes()) - before).toBeLessThan(100 * MEGABYTE);
  });

  it('a byte at a time, slower than the time limit: is cut off', async () => {
    const socket = await open();
    const drip = setInterval(() => socket.write(Buffer.of(5)), 100);
    await readAll(socket);
    clearInterval(drip);
    socket.destroy();
    expect(
      (await pair.metrics('client')).sum('tributary_application_failed_negotiations_total'),
    ).toBeGreaterThan(0);
  });

  async function open(): Promise<Socket> {
    const socket = connect({ ...pair.socks, allowHalfOpen: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  async function residentBytes(): Promise<number> {
    return (await pair.metrics('client')).sum('process_resident_memory_bytes');
  }
});
