import { ERROR_CODE, type ErrorName, errorName, ProtocolViolation } from '../errors.ts';
import { BodyReader, BodyWriter } from './bytes.ts';

/** Where a stream goes that asks for names (SPEC.md section 6, Names): a name that cannot exist (RFC 6761 section 6.4). */
export const NAME_SERVICE = { host: 'names.tributary.invalid', port: 53 } as const;

/** What a client wants to know: the addresses of a name, or the names of an address. */
export interface NameQuestion {
  readonly wants: 'addresses' | 'names';
  /** A domain name, or an address in text. */
  readonly of: string;
}

/** Addresses or names, at least one; or why there are none. */
export type NameAnswer = { readonly values: readonly string[] } | { readonly error: ErrorName };

/** A kind and a text of at most 255 bytes behind its length. */
export const MAX_QUESTION_BYTES = 257;
/** Of an answer; further values are left out. */
export const MAX_ANSWER_VALUES = 16;
/** Each a text of at most 255 bytes behind its length. */
export const MAX_ANSWER_BYTES = 1 + MAX_ANSWER_VALUES * 256;

const KINDS = ['addresses', 'names'] as const;
const HEADER_BYTES = 2;

/** The question as the bytes of a stream. */
export function encodeNameQuestion({ wants, of }: NameQuestion): Uint8Array {
  return new BodyWriter().u8(KINDS.indexOf(wants)).text(of).finish();
}

/**
 * Reads a question from the bytes that have come; undefined while it is not whole.
 * @throws ProtocolViolation for what is no question
 */
export function decodeNameQuestion(bytes: Uint8Array): NameQuestion | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length < HEADER_BYTES + bytes[1]!) return undefined;
  const body = new BodyReader(bytes, 'names');
  const wants = KINDS[body.u8()];
  if (wants === undefined) throw new ProtocolViolation('names: unknown question');
  return { wants, of: body.text() };
}

/** The answer as the bytes of a stream: how many values, and these; or none, and an error code. */
export function encodeNameAnswer(answer: NameAnswer): Uint8Array {
  const body = new BodyWriter();
  if ('error' in answer) return body.u8(0).u16(ERROR_CODE[answer.error]).finish();
  const values = answer.values.slice(0, MAX_ANSWER_VALUES);
  body.u8(values.length);
  for (const value of values) body.text(value);
  return body.finish();
}

/** Reads a whole answer. @throws ProtocolViolation for what is none */
export function decodeNameAnswer(bytes: Uint8Array): NameAnswer {
  const body = new BodyReader(bytes, 'names');
  const count = body.u8();
  if (count === 0) return { error: errorName(body.u16()) };
  return { values: Array.from({ length: Math.min(count, MAX_ANSWER_VALUES) }, () => body.text()) };
}
