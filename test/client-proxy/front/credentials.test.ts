import { expect, it } from 'vitest';
import { createAuthenticator } from '../../../client-proxy/front/credentials.ts';
import { MisuseError } from '../../../shared/protocol/errors.ts';

const bytes = (text: string) => Buffer.from(text);

it('knows each user by name and password together', () => {
  const authenticate = createAuthenticator([
    { name: 'ada', password: 'lovelace' },
    { name: 'b\u00fccher', password: 'p\u00e4ss' },
    { name: 'x'.repeat(255), password: 'y'.repeat(255) },
  ]);
  expect(authenticate(bytes('ada'), bytes('lovelace'))).toBe('ada');
  expect(authenticate(bytes('b\u00fccher'), bytes('p\u00e4ss'))).toBe('b\u00fccher');
  expect(authenticate(bytes('x'.repeat(255)), bytes('y'.repeat(255)))).toBe('x'.repeat(255));
  for (const [name, password] of [
    ['ada', 'p\u00e4ss'],
    ['ada', ''],
    ['', 'lovelace'],
    ['adal', 'ovelace'],
    ['Ada', 'lovelace'],
    ['eve', 'lovelace'],
  ] as const) {
    expect(authenticate(bytes(name), bytes(password))).toBeUndefined();
  }
});

it('refuses users whom RFC 1929 cannot carry, without showing their password', () => {
  const make = (name: string, password: string) => () => createAuthenticator([{ name, password }]);
  expect(make('', 'p')).toThrow(MisuseError);
  expect(make('n', '')).toThrow(/password is 1 to 255 bytes/);
  expect(make('\u00fc'.repeat(128), 'p')).toThrow(/256/);
  expect(make('n', 'secret'.repeat(50))).toThrow(/^(?!.*secret)/);
});
