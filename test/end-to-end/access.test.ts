import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Origin, startEcho } from './support/origin.ts';
import { Pair } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

const ALICE = { user: 'alice', password: 'correct horse battery staple' };

describe('a client proxy with users, that always answers optimistically', () => {
  let pair: Pair;
  let origin: Origin;
  beforeAll(async () => {
    const users = [{ name: ALICE.user, password: ALICE.password }];
    pair = await Pair.start({ client: { socks: { users, optimisticReply: 'always' } } });
    origin = await startEcho();
  });
  afterAll(async () => {
    await origin.close();
    await pair.close();
  });

  it('serves a user with the right password', async () => {
    const { reply, socket } = await socksConnect(pair.socks, origin, { login: ALICE });
    expect(reply).toBe(0);
    socket.end('hello');
    expect((await readAll(socket)).bytes.toString()).toBe('hello');
  });

  it.each([1000, 300_000])('delivers %d bytes of early data first', async (length) => {
    const earlyData = Buffer.alloc(length, 'early, ');
    const { reply, socket } = await socksConnect(pair.socks, origin, { login: ALICE, earlyData });
    expect(reply).toBe(0);
    socket.end('then the rest');
    const { bytes } = await readAll(socket);
    expect(bytes.equals(Buffer.concat([earlyData, Buffer.from('then the rest')]))).toBe(true);
  });

  it('refuses a wrong password, and who offers none', async () => {
    const wrong = socksConnect(pair.socks, origin, { login: { ...ALICE, password: 'guess' } });
    await expect(wrong).rejects.toThrow('refuses user and password');
    await expect(socksConnect(pair.socks, origin)).rejects.toThrow('accepts no method');
  });

  it('answers success before it knows, and resets when the origin refuses', async () => {
    const { reply, socket } = await socksConnect(pair.socks, pair.refusing, { login: ALICE });
    expect(reply).toBe(0);
    expect((await readAll(socket)).error).toBe('ECONNRESET');
  });

  it('never writes a password or a key into its log', () => {
    const { output } = pair.client;
    expect(output).toContain('badCredentials');
    expect(output).not.toContain(ALICE.password);
    expect(output).not.toContain('guess');
    expect(output).not.toContain(Buffer.from(pair.clientKey).toString('base64url'));
  });
});
