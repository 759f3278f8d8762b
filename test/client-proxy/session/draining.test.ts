import { expect, it } from 'vitest';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { eventually } from '../../support/eventually.ts';
import { serve } from '../../support/serve.ts';
import { echo, echoServer, twoConcentrators } from './two-concentrators.ts';

const UPLOAD_BYTES = 16_000_000;

it('ends when all that was to be uploaded has been, though nobody waits for it any more', async () => {
  const { keeper } = await twoConcentrators();
  let received = 0;
  // It has nothing to say.
  const port = await serve(
    (socket) => {
      socket.on('data', (bytes) => {
        received += bytes.length;
      });
      socket.end();
    },
    { allowHalfOpen: true },
  );
  let hasEnded = false;
  await keeper.openStream(
    { host: '127.0.0.1', port },
    () => ({ mode: 'aggregate' }),
    (driver, streamId) => {
      driver.input(({ streams }) => {
        streams.write(streamId, new OwnBytes(new Uint8Array(UPLOAD_BYTES)));
        streams.end(streamId);
      });
      const ended = () => {
        hasEnded = true;
      };
      return { onOpened() {}, onData() {}, onEnded: ended, onFailed() {}, onWritable() {} };
    },
    new Cancellation(),
  );
  await eventually(() => expect(hasEnded).toBe(true));
  await keeper.drain();
  expect(keeper.drivers.map(({ streamCount }) => streamCount)).toEqual([0]);
  await eventually(() => expect(received).toBe(UPLOAD_BYTES));
  await keeper.stop();
});

it('does not wait for long where no way to the concentrator is left', async () => {
  const { keeper, reaches, transports } = await twoConcentrators();
  await echo(keeper, await echoServer());
  reaches.dsl = 0;
  for (const transport of transports) transport.destroy();
  await eventually(() => expect(keeper.drivers.map(({ hasSubflow }) => hasSubflow)).toEqual([false]));
  // It has a stream, and lingers for a minute.
  expect(keeper.drivers.map(({ streamCount }) => streamCount)).toEqual([1]);
  await keeper.drain();
});

it('waits for as long as its streams do where that is asked for', async () => {
  const { keeper, reaches, transports, first } = await twoConcentrators();
  const stream = await echo(keeper, await echoServer());
  reaches.dsl = 0;
  for (const transport of transports) transport.destroy();
  await eventually(() => expect(keeper.drivers.map(({ hasSubflow }) => hasSubflow)).toEqual([false]));
  let isDone = false;
  const drained = keeper.drain(Number.POSITIVE_INFINITY).then(() => {
    isDone = true;
  });
  // For longer than the end of the program would.
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  expect(isDone).toBe(false);
  reaches.dsl = first.port;
  keeper.retryUplinks(new Set(['dsl']));
  stream.say(1_000);
  await eventually(() => expect(stream.received()).toBe(1_000));
  expect([isDone, stream.failures]).toEqual([false, []]);
  await keeper.stop();
  await drained;
});
