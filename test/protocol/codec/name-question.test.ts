import { describe, expect, it } from 'vitest';
import {
  decodeNameAnswer,
  decodeNameQuestion,
  encodeNameAnswer,
  encodeNameQuestion,
  MAX_ANSWER_BYTES,
  MAX_QUESTION_BYTES,
} from '../../../shared/protocol/codec/name-question.ts';
import { ProtocolViolation } from '../../../shared/protocol/errors.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

describe('a question for names', () => {
  it.each([
    ['00 04 612e6264', { wants: 'addresses', of: 'a.bd' }],
    ['01 07 312e322e332e34', { wants: 'names', of: '1.2.3.4' }],
  ] as const)('%s', (text, question) => {
    expect(hex(encodeNameQuestion(question))).toBe(text.replaceAll(' ', ''));
    const whole = bytes(text);
    expect(decodeNameQuestion(whole)).toEqual(question);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeNameQuestion(whole.subarray(0, length))).toBeUndefined();
    }
  });

  it.each(['02 01 61', 'ff 01 61', '00 00', '00 01 ff'])('%s is none', (text) => {
    expect(() => decodeNameQuestion(bytes(text))).toThrow(ProtocolViolation);
  });

  it('has a longest', () => {
    expect(encodeNameQuestion({ wants: 'addresses', of: 'x'.repeat(255) })).toHaveLength(MAX_QUESTION_BYTES);
  });
});

describe('an answer', () => {
  it.each([
    ['01 07 312e322e332e34', { values: ['1.2.3.4'] }],
    ['02 01 61 02 6263', { values: ['a', 'bc'] }],
    ['00 0081', { error: 'nameNotFound' }],
    ['00 0020', { error: 'notAuthorized' }],
  ] as const)('%s', (text, answer) => {
    expect(hex(encodeNameAnswer(answer))).toBe(text.replaceAll(' ', ''));
    const whole = bytes(text);
    expect(decodeNameAnswer(whole)).toEqual(answer);
    // What is behind it is for later versions.
    expect(decodeNameAnswer(Uint8Array.of(...whole, 1, 2))).toEqual(answer);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeNameAnswer(whole.subarray(0, length))).toThrow(ProtocolViolation);
    }
  });

  it('leaves out what there is no room for', () => {
    const values = Array.from({ length: 300 }, () => 'x'.repeat(255));
    const encoded = encodeNameAnswer({ values });
    expect(encoded).toHaveLength(MAX_ANSWER_BYTES);
    expect(decodeNameAnswer(encoded)).toEqual({ values: values.slice(0, 16) });
  });
});
