import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { standardInput } from '../../../shared/runtime/process/standard-input.ts';

const MAX_BYTES = 100;

/** A pipe that somebody writes to, and reads until a whole line says "link". */
function pipe() {
  const stdin = new PassThrough();
  const input = standardInput({
    stdin: stdin as unknown as NodeJS.ReadStream,
    stderr: new PassThrough() as unknown as NodeJS.WriteStream,
  });
  const read = { text: undefined as string | undefined, isDone: false };
  const done = input
    .readText(MAX_BYTES, (text) => /link.*\n/.test(text))
    .then((text) => Object.assign(read, { text, isDone: true }));
  return { stdin, read, done };
}

describe('the text in a pipe', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  it.each([
    ['alone', ['link\n']],
    ['behind another line', ['Your link\nlink\n']],
    ['behind another line that comes long before', ['Welcome\n', 'to\n', 'link\n']],
    ['without the end of its line', ['Welcome\n', 'link']],
    ['on two lines, of which the second comes later', ['link\n', 'pin\n']],
  ])('is read to its end, where it is %s', async (_, chunks) => {
    const { stdin, read, done } = pipe();
    for (const chunk of chunks) {
      stdin.write(chunk);
      await pass(/link|pin/.test(chunk) ? 1_000 : 60_000);
      expect(read.isDone).toBe(false);
    }
    stdin.end();
    await done;
    expect(read.text).toBe(chunks.join(''));
  });

  it('is read until a pause where it is enough, and the pipe is left', async () => {
    const { stdin, read, done } = pipe();
    stdin.write('Welcome\n');
    await pass(60_000);
    stdin.write('link\n');
    await pass(1_900);
    stdin.write('pin\n');
    await pass(1_900);
    expect(read.isDone).toBe(false);
    await pass(200);
    await done;
    expect([read.text, stdin.destroyed]).toEqual(['Welcome\nlink\npin\n', true]);
  });

  it.each([
    ['is none where it is blank', ' \n', undefined],
    ['is none where it is too long', 'x'.repeat(MAX_BYTES + 1), undefined],
    [
      'is read so far as it is enough, where it is longer',
      `link\n${'x'.repeat(MAX_BYTES)}`,
      `link\n${'x'.repeat(MAX_BYTES)}`,
    ],
  ])('%s', async (_, text, expected) => {
    const { stdin, read, done } = pipe();
    stdin.write(text);
    await pass(0);
    expect(read.isDone).toBe(text.length > MAX_BYTES);
    stdin.end();
    await done;
    expect(read.text).toBe(expected);
  });
});
