import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Destination } from '../../shared/protocol/destination.ts';
import { SOCKS_REPLY } from '../../shared/protocol/errors.ts';
import { needs } from '../support/needs.ts';
import { startEcho } from './support/origin.ts';
import { ORIGIN_NAME, Pair } from './support/pair.ts';
import { readAll, socksConnect } from './support/socks-client.ts';

/** `refusing` has port 9. */
const OPTIMISTIC_PORTS = [9, 25];
/** The name server that does not know a name has to be ours. */
const ownNameServer = needs('mounts');

describe('what the pair refuses', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await Pair.start({
      nameServer: ownNameServer.skip !== true,
      client: { socks: { optimisticReply: { ports: OPTIMISTIC_PORTS } } },
    });
  });
  afterAll(() => pair.close());

  const strict: [string, () => Destination, number][] = [
    ['a closed port', () => ({ host: pair.host, port: 10 }), SOCKS_REPLY.connectionRefused],
    ['a closed port behind a name', () => ({ host: 'localhost', port: 10 }), SOCKS_REPLY.connectionRefused],
    ['loopback that is not allowed', () => ({ host: '127.0.0.99', port: 80 }), SOCKS_REPLY.notAllowed],
    ['the same, mapped', () => ({ host: '::ffff:7f00:63', port: 80 }), SOCKS_REPLY.notAllowed],
    ['the concentrator itself', () => pair.subflows, SOCKS_REPLY.notAllowed],
  ];

  it.each(strict)(
    '%s: with the reply for it, then the connection ends',
    async (_what, destination, reply) => {
      const answer = await socksConnect(pair.socks, destination());
      expect(answer.reply).toBe(reply);
      answer.socket.end();
      expect(await readAll(answer.socket)).toEqual({ bytes: Buffer.alloc(0), error: undefined });
    },
  );

  it('a name that does not exist: host unreachable; one that does is served', ownNameServer, async () => {
    const unknown = await socksConnect(pair.socks, { host: 'nothing.test', port: 8080 });
    expect(unknown.reply).toBe(SOCKS_REPLY.hostUnreachable);
    unknown.socket.destroy();

    const origin = await startEcho();
    const known = await socksConnect(pair.socks, { host: ORIGIN_NAME, port: origin.port });
    expect(known.reply).toBe(SOCKS_REPLY.succeeded);
    known.socket.end('hello');
    expect((await readAll(known.socket)).bytes.toString()).toBe('hello');
    await origin.close();
  });

  const optimistic: [string, () => Destination][] = [
    ['a closed port', () => pair.refusing],
    ['a denied port', () => ({ host: '127.0.0.1', port: 25 })],
    ['a denied address', () => ({ host: '127.0.0.99', port: 9 })],
  ];

  it.each(optimistic)(
    '%s, optimistically: success, then the connection is reset',
    async (_what, destination) => {
      const { reply, socket } = await socksConnect(pair.socks, destination());
      expect(reply).toBe(SOCKS_REPLY.succeeded);
      expect(await readAll(socket)).toEqual({ bytes: Buffer.alloc(0), error: 'ECONNRESET' });
    },
  );

  it('an unknown command: command not supported', async () => {
    const { reply, socket } = await socksConnect(pair.socks, pair.refusing, { command: 9 });
    expect(reply).toBe(SOCKS_REPLY.commandNotSupported);
    socket.end();
    expect((await readAll(socket)).error).toBeUndefined();
  });

  it('counts them by reason at both ends', async () => {
    for (const program of ['client', 'concentrator'] as const) {
      const metrics = await pair.metrics(program);
      expect(metrics.sum('tributary_stream_opens_total', { result: 'connectionRefused' })).toBe(3);
      expect(metrics.sum('tributary_stream_opens_total', { result: 'notAuthorized' })).toBe(5);
    }
    const client = await pair.metrics('client');
    expect(
      client.sum('tributary_application_failed_negotiations_total', { reason: 'unsupportedCommand' }),
    ).toBe(1);
  });
});
