import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { eachWholeLine } from './whole-lines.ts';

test.each([
  ['nothing', [], []],
  ['whole lines', ['one\ntwo\n'], ['one', 'two']],
  ['an empty line', ['one\n\ntwo\n'], ['one', '', 'two']],
  ['a line in pieces', ['o', 'n', 'e\nt', 'wo\n'], ['one', 'two']],
  ['a character in pieces', [Buffer.from([0xc3]), Buffer.from([0xbc, 0x0a])], ['ü']],
  ['a cut last line', ['one\n{"event":"res'], ['one']],
  ['a cut line alone', ['{"event":'], []],
])('of %s', async (_, pieces, expected) => {
  const output = new PassThrough();
  const heard: (string | undefined)[] = [];
  const ended = new Promise<void>((resolve) => {
    eachWholeLine(
      output,
      (line) => heard.push(line),
      () => {
        heard.push(undefined);
        resolve();
      },
    );
  });
  for (const piece of pieces) output.write(piece);
  output.end();
  await ended;
  expect(heard).toEqual([...expected, undefined]);
});
