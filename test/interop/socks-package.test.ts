import { SocksClient } from 'socks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startEcho } from '../end-to-end/support/origin.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { readAll } from '../end-to-end/support/socks-client.ts';

const LOGIN = { userId: 'alice', password: 'correct horse' };

describe('the npm package socks', () => {
  let pair: Pair;
  let echo: Origin;
  beforeAll(async () => {
    const users = [{ name: LOGIN.userId, password: LOGIN.password }];
    pair = await Pair.start({ client: { socks: { users } } });
    echo = await startEcho();
  });
  afterAll(async () => {
    await echo.close();
    await pair.close();
  });

  it.each(['127.0.0.1', 'localhost'])('reaches %s', async (host) => {
    const { socket } = await SocksClient.createConnection({
      proxy: { ...pair.socks, type: 5, ...LOGIN },
      command: 'connect',
      destination: { host, port: echo.port },
    });
    socket.end('hello');
    expect((await readAll(socket)).bytes.toString()).toBe('hello');
  });

  it('names the reason of a refusal', async () => {
    const refused = SocksClient.createConnection({
      proxy: { ...pair.socks, type: 5, ...LOGIN },
      command: 'connect',
      destination: { host: pair.host, port: 10 },
    });
    await expect(refused).rejects.toThrow('ConnectionRefused');
  });
});
