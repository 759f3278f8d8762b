import { describe, expect, it } from 'vitest';
import { failureReason } from '../../../client-proxy/path-manager/uplink-cause.ts';
import { portalOf } from '../../../client-proxy/uplink/portal.ts';
import { connectFailure } from '../../../client-proxy/uplink/uplink-error.ts';
import { dialFailure } from '../../../shared/runtime/app/origin-failure.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import {
  closedError,
  ERROR_WORDS,
  errorWords,
  FILE_WORDS,
  fileErrorWords,
} from '../../../shared/runtime/text/error-words.ts';

/** As OpenSSL says it, in part. */
const THEIRS = '40D7F1C2:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../x.c:355:\n';
const UNKNOWN = ['EOWNERDEAD', 'ERR_SSL_NO_SUCH_CODE_YET', 'ERR_SOMETHING_NEW'];

function failed(code: string): Error {
  return Object.assign(new Error(THEIRS), { code });
}

describe.each([...Object.keys(ERROR_WORDS), ...UNKNOWN])('an error with the code %s', (code) => {
  const where = { host: '10.0.0.1', port: 8443 };
  const texts = [
    errorWords(failed(code)),
    failureReason('lan', connectFailure('lan', '10.0.0.1:8443', failed(code))).reason,
    failureReason('lan', failed(code)).reason,
    dialFailure(where, failed(code), new Cancellation()).message,
    portalOf('10.0.0.1:8443', failed(code))?.message ?? 'no portal',
  ];

  it('is told in one line of our own words, wherever it is told', () => {
    for (const text of texts) {
      expect(text).toMatch(/^[\w(][^\n]{3,250}$/);
      expect(text).not.toMatch(/error:|routines/);
    }
  });

  it('can be looked up by its code', () => {
    expect(texts[0]?.endsWith(`(${code})`)).toBe(true);
  });
});

it('what has no code is told as well', () => {
  expect(errorWords(closedError())).toBe('closed by the other side');
  expect(errorWords(new TypeError(THEIRS))).toBe('failed (TypeError)');
  expect(errorWords(THEIRS)).toBe('failed');
  const cancellation = new Cancellation();
  cancellation.abort();
  expect(errorWords(cancellation.reason)).toBe('no longer wanted (ECANCELLED)');
});

it.each([...Object.keys(FILE_WORDS), ...UNKNOWN])(
  'a file with the code %s is told in our own words',
  (code) => {
    expect(fileErrorWords(failed(code))).toMatch(/^[^\n:]{3,80}$/);
  },
);
