import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { lateTimeout } from '../../../shared/runtime/async/late-timeout.ts';

it('comes behind what has come in time, though the process was held up', async () => {
  const server = createServer((socket) => socket.destroy());
  onTestFinished(() => void server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const order: string[] = [];
  const socket = connect({ ...(server.address() as { port: number }), host: '127.0.0.1' });
  const isConnected = once(socket, 'connect').then(() => order.push('connected'));
  const isOver = new Promise<void>((resolve) => {
    lateTimeout(() => {
      order.push('too late');
      resolve();
    }, 20);
  });
  const heldUpUntilMs = performance.now() + 100;
  while (performance.now() < heldUpUntilMs);
  await Promise.all([isConnected, isOver]);
  expect(order).toEqual(['connected', 'too late']);
});

it('does not come once it was given up', async () => {
  let isOver = false;
  const giveUp = lateTimeout(() => {
    isOver = true;
  }, 1);
  // When the time is over, too: both times are, when the event loop comes to look.
  setTimeout(giveUp, 1);
  const heldUpUntilMs = performance.now() + 5;
  while (performance.now() < heldUpUntilMs);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isOver).toBe(false);
});
