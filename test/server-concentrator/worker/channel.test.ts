import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Channel, type Handlers, type MessagePort } from '../../../server-concentrator/worker/channel.ts';

type Left = { readonly double: { readonly value: number; readonly answer: number } };
type Right = {
  readonly note: { readonly value: string; readonly answer: unknown };
  readonly fail: { readonly value: undefined; readonly answer: unknown };
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Two ends of a way. What is sent from the left waits in `onTheWay` while it is held. */
function connected() {
  const notes: string[] = [];
  const onTheWay: (() => void)[] = [];
  const way = { isHeld: false, isGone: false };
  const portTo = (other: () => { receive(message: unknown, socket: undefined): void }): MessagePort => ({
    send(message, _socket, done) {
      if (way.isGone) {
        done(new Error('EPIPE'));
        return;
      }
      const copy = structuredClone(message);
      const deliver = () => other().receive(copy, undefined);
      if (way.isHeld) onTheWay.push(deliver);
      else queueMicrotask(deliver);
      done();
    },
  });
  const handlers: Handlers<Right> = {
    note: (text) => void notes.push(text),
    fail: () => {
      throw new Error('it cannot be done');
    },
  };
  const left = new Channel<Left, Right>(
    portTo(() => right),
    { double: (value) => 2 * value },
  );
  const right: Channel<Right, Left> = new Channel<Right, Left>(
    portTo(() => left),
    handlers,
  );
  return { left, right, notes, onTheWay, way };
}

it('tells and asks both ways', async () => {
  const { left, right, notes } = connected();
  left.tell('note', 'first');
  await left.ask('note', 'second');
  expect(notes).toEqual(['first', 'second']);
  expect(await Promise.all([right.ask('double', 4), right.ask('double', 5)])).toEqual([8, 10]);
});

it('rejects what is asked where the other end fails, is gone, or says nothing', async () => {
  const { left, way } = connected();
  await expect(left.ask('fail', undefined)).rejects.toThrow('it cannot be done');
  way.isHeld = true;
  const late = left.ask('note', 'x', 1_000);
  const failed = expect(late).rejects.toThrow('no answer in 1000 ms');
  await vi.advanceTimersByTimeAsync(1_000);
  await failed;
  way.isGone = true;
  await expect(left.ask('note', 'x')).rejects.toThrow('EPIPE');
});

it('rejects at once, with the end of the other process, all that waits for an answer', async () => {
  const { left, way } = connected();
  way.isHeld = true;
  const waiting = [left.ask('note', '1'), left.ask('note', '2')];
  left.close();
  for (const each of waiting) await expect(each).rejects.toThrow('the other process is gone');
  await expect(left.ask('note', '3')).rejects.toThrow('the other process is gone');
  left.tell('note', '4');
});

it('does nothing about what comes from a process that has ended: another may have its place by now', async () => {
  const { left, right, notes, onTheWay, way } = connected();
  way.isHeld = true;
  left.tell('note', 'from the past');
  right.close();
  for (const deliver of onTheWay) deliver();
  expect(notes).toEqual([]);
});

it('passes over what it does not know: the other process may be of another version', async () => {
  const { left, right, notes } = connected();
  const toRight = left as unknown as Channel<Left, { load: { value: number; answer: number } }>;
  toRight.tell('load', 0.5);
  await expect(toRight.ask('load', 0.5)).rejects.toThrow('unknown: load');
  left.tell('note', 'still there');
  expect(await right.ask('double', 1)).toBe(2);
  expect(notes).toEqual(['still there']);
});
