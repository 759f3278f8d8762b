import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { formatLink, LinkError, parseLink } from '../../../shared/runtime/identity/link.ts';

const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';
const PIN = `sha256:${'A'.repeat(43)}`;
const LINK = `tributary://laptop:${KEY}@vps.example.org:8443/?pin=${PIN}`;

const port = fc.integer({ min: 1, max: 65535 });
const host = fc.oneof(fc.domain(), fc.ipV4(), fc.constantFrom('::1', '2001:db8::1'));
const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });

const pin = bytes.map((digest) => parsePin(`sha256:${Buffer.from(digest).toString('base64url')}`));

describe('a link', () => {
  it('reads back whatever was written', () => {
    const link = fc.record({
      clientId: fc.stringMatching(/^[A-Za-z0-9_.-]{1,32}$/),
      clientKey: bytes,
      addresses: fc.array(fc.record({ host, port }), { minLength: 1, maxLength: 4 }),
      pins: fc.array(pin, { minLength: 1, maxLength: 2 }),
    });
    fc.assert(
      fc.property(link, (value) => {
        const read = parseLink(formatLink(value));
        expect({ ...read, clientKey: new Uint8Array(read.clientKey) }).toEqual(value);
      }),
    );
  });

  it('may have blanks around it, several addresses, and an encoded colon in its pin', () => {
    const text = `  tributary://laptop:${KEY}@vps.example.org:8443,[::1]:443?pin=${PIN.replace(':', '%3A')}\n`;
    expect(parseLink(text)).toEqual({
      clientId: 'laptop',
      clientKey: Buffer.from(KEY, 'base64url'),
      addresses: [
        { host: 'vps.example.org', port: 8443 },
        { host: '::1', port: 443 },
      ],
      pins: [parsePin(PIN)],
    });
  });

  it('may have the pins of two certificates, also with an encoded comma', () => {
    const other = `sha256:${'B'.repeat(42)}E`;
    for (const comma of [',', '%2C', '%2c']) {
      const { pins } = parseLink(`${LINK}${comma}${other.replace(':', '%3A')}`);
      expect(pins.map(({ text }) => text)).toEqual([PIN, other]);
    }
  });

  it.each([
    ['', 'must start with "tributary://"'],
    [LINK.replace('tributary', 'https'), 'must start with "tributary://"'],
    [LINK.replace('@', ''), 'is it complete, and quoted?'],
    [LINK.replace('laptop:', ''), 'before the ":" expected a client name'],
    [LINK.replace('laptop', 'lap top'), 'before the ":" expected a client name'],
    [LINK.replace(KEY, KEY.slice(1)), 'between ":" and "@" expected a key: 32 bytes'],
    [LINK.replace(KEY, `${KEY}A`), 'between ":" and "@" expected a key: 32 bytes'],
    [LINK.replace(':8443', ''), 'address 1 after the "@" is not HOST:PORT'],
    [LINK.replace('vps.example.org:8443', `a:1,${KEY}`), 'address 2 after the "@" is not HOST:PORT'],
    [LINK.replace('vps.example.org:8443', Array(17).fill('a:1').join()), 'more than 16 addresses'],
    [LINK.slice(0, LINK.indexOf('?')), 'it has no "?pin=sha256:..."'],
    [LINK.replace('AAA', ''), 'after "pin=" expected a certificate pin'],
    [`${LINK}&pin=${PIN}`, 'only one "pin="'],
    [`${LINK},`, 'or two with a comma'],
    [`${LINK},${PIN},${PIN}`, 'more than 2 pins'],
    [`${LINK}&x=${KEY}`, 'only one "pin="'],
  ])('%# is refused, and its key not shown', (text, expected) => {
    try {
      parseLink(text);
      expect.fail('the link was accepted');
    } catch (error) {
      expect(error).toBeInstanceOf(LinkError);
      expect((error as LinkError).message).toContain(expected);
      expect((error as LinkError).message).not.toContain(KEY.slice(1, 20));
    }
  });
});
