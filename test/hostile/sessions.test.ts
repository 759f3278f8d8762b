import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { Pair } from '../end-to-end/support/pair.ts';
import { helloFor, openTls, RogueClient } from '../end-to-end/support/subflow-client.ts';

/** One network each, as many clients would have. */
const addressOf = (index: number) => `127.100.${index}.1`;
const HELLOS = 64;

describe('HELLOs of one client that arrive while the concentrator looks away', { timeout: 180_000 }, () => {
  let pair: Pair;
  afterEach(() => pair?.close());

  it.each([
    { limits: { sessionsPerClient: 2 }, lingering: 0, clients: 1, welcomed: 2 },
    { limits: { sessionsPerClient: 2 }, lingering: 1, clients: 1, welcomed: 2 },
    { limits: { sessionsPerClient: 2 }, lingering: 2, clients: 1, welcomed: 2 },
    { limits: { sessionsPerClient: 8, sessions: 3 }, lingering: 1, clients: 3, welcomed: 2 },
  ])('$limits, $lingering sessions linger, $clients clients: $welcomed welcomed', async (row) => {
    const { limits, lingering, clients, welcomed } = row;
    const ids = Array.from({ length: clients }, (_, i) => `rogue${i}`);
    pair = await Pair.start({ otherClients: ids, concentrator: { limits } });
    for (let i = 0; i < lingering; i++) {
      (await RogueClient.connect(pair, pair.identityOf('rogue0'))).socket.destroy();
      await pair.concentrator.untilLine('"subflow lost"', { count: i + 1 });
    }
    const sockets = await Promise.all(
      Array.from({ length: HELLOS }, (_, i) => openTls(pair, undefined, addressOf(i))),
    );
    // All of them are there when it looks again.
    pair.concentrator.child.kill('SIGSTOP');
    const answers = sockets.map((socket, i) => hello(socket, pair, ids[i % clients]!));
    await new Promise((resolve) => setImmediate(resolve));
    pair.concentrator.child.kill('SIGCONT');
    const results = await Promise.all(answers);
    const metrics = await pair.metrics('concentrator');
    const sessions = metrics.sum('tributary_sessions');
    const refusals = ['sessions', 'sessionsPerClient'].map((limit) =>
      metrics.sum('tributary_limits_reached_total', { limit }),
    );
    const count = (result: string) => results.filter((answer) => answer === result).length;
    console.log(
      `${HELLOS} HELLOs: ${count('welcome')} welcomed, ${sessions} sessions with that of the other client`,
    );
    expect(count('welcome')).toBe(welcomed);
    expect(count('resourceExceeded')).toBe(HELLOS - welcomed);
    // With the one of the pair's own client.
    expect(sessions).toBe(welcomed + 1);
    expect(refusals[0]! + refusals[1]!).toBe(HELLOS - welcomed);
    for (const socket of sockets) socket.destroy();
  });
});

/** How the HELLO of a connection is answered. */
async function hello(socket: TLSSocket, pair: Pair, id: string): Promise<string> {
  const handshake = helloFor(socket, pair, pair.identityOf(id));
  const answer = new Promise<string>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      try {
        if (handshake.receive(bytes) !== undefined) resolve('welcome');
      } catch (error) {
        resolve((error as { code: ErrorName }).code);
      }
    });
    void once(socket, 'close').then(() => resolve('closed'));
  });
  socket.write(handshake.request);
  return answer;
}
