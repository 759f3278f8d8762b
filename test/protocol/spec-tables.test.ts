import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  FRAME_TYPE,
  MAX_BODY_BYTES,
  MAX_CONTROL_BODY_BYTES,
  MAX_PAYLOAD_BYTES,
} from '../../shared/protocol/codec/wire.ts';
import {
  ERROR_CODE,
  type ErrorName,
  errorName,
  SOCKS_REPLY,
  socksReplyFor,
} from '../../shared/protocol/errors.ts';

const SPEC = readFileSync(new URL('../../shared/protocol/SPEC.md', import.meta.url), 'utf8');

/** The cells of all table rows that begin with a number like 0x1a. */
const ROWS = SPEC.split('\n')
  .filter((line) => /^\| 0x/.test(line))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const FRAMES = ROWS.filter(([, name]) => /^[A-Z_]+$/.test(name!));
const ERRORS = ROWS.filter(([, name]) => /^[a-z]/.test(name!));

describe('the tables of SPEC.md', () => {
  it('name the frame types of the code, all of them', () => {
    const inSpec = FRAMES.map(([code, name]) => [
      name!.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase()),
      Number(code),
    ]);
    expect(Object.fromEntries(inSpec)).toEqual(FRAME_TYPE);
  });

  it('name the error codes of the code, all of them', () => {
    expect(Object.fromEntries(ERRORS.map(([code, name]) => [name, Number(code)]))).toEqual(ERROR_CODE);
  });

  it.each(ERRORS.map(([, name, , reply]) => [name as ErrorName, reply!] as const))(
    'give the SOCKS5 reply of %s',
    (name, reply) => {
      expect(socksReplyFor(name)).toBe(reply === '' ? SOCKS_REPLY.generalFailure : Number(reply.slice(0, 4)));
    },
  );

  it('are read back by code; an unknown one is internalError', () => {
    for (const [name, code] of Object.entries(ERROR_CODE)) expect(errorName(code)).toBe(name);
    for (const code of [0x03, 0x7f, 0x8a, 0xffff]) expect(errorName(code)).toBe('internalError');
  });
});

it('the limits of frames in SPEC.md are those of the code', () => {
  const [, body, frame, control] =
    /body is at most (\d+) bytes \(a frame is at most (\d+),[^;]*;[^.]* at most (\d+)\./.exec(SPEC)!;
  expect([Number(body), Number(frame)]).toEqual([MAX_BODY_BYTES, MAX_BODY_BYTES + 8]);
  expect([Number(control), MAX_PAYLOAD_BYTES]).toEqual([MAX_CONTROL_BODY_BYTES, MAX_BODY_BYTES - 16]);
});
