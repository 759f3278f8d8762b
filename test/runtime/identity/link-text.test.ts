import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasLink, linkIn } from '../../../shared/runtime/identity/link-text.ts';

const KEY = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I';
const PINS = `sha256:${'A'.repeat(43)},sha256:${'B'.repeat(42)}E`;
const LINK = `tributary://laptop:${KEY}@vps.example.org:8443,[2001:db8::1]:443/?pin=${PINS}`;
const ONE_PIN = LINK.slice(0, LINK.lastIndexOf(','));
const REST = LINK.slice('tributary://'.length);

describe('the link in a text', () => {
  it.each([
    ['alone', LINK],
    ['with blanks and lines around it', ` \t\r\n\n  ${LINK}  \r\n\r\n`],
    ['with a byte order mark', `\uFEFF${LINK}\n`],
    ['in the quotes of a shell', `'${LINK}'`],
    ['in those of a mail', `<${LINK}>\n`],
    ['as a reader of QR codes prints it', `QR-Code:${LINK}\n`],
    [
      'beside another code of the same picture',
      `EAN-13:4006381333931\nQR-Code:${LINK}\nQR-Code:https://example.org/\n`,
    ],
    ['with its scheme in other letters', `TRIBUTARY://${REST}`],
    ['with a scheme that a reader of QR codes has cut', `tributary:${REST}`],
    ['in what init prints', `The link follows: tributary://...\n${LINK}\n\nNext: tributary-client check\n`],
    ['before what is said about it', `${LINK}\nThe firewall must let port 8443 in\n`],
    ['on two lines, as a terminal of 80 columns shows it', wrapped(LINK, 80, '\n')],
    ['on lines with an indent and carriage returns', wrapped(LINK, 30, '\r\n    ')],
    ['on lines that end before its second pin', `${ONE_PIN}\n${LINK.slice(ONE_PIN.length)}\n`],
    ['twice', `${LINK}\n${LINK}\n`],
  ])('is found %s', (_, text) => {
    expect(linkIn(text)).toBe(LINK);
  });

  it('is found however it is wrapped', () => {
    const column = fc.integer({ min: 1, max: LINK.length });
    const line = fc.constantFrom('\n', '\r\n', '\r', '\n\n', ' \n\t');
    const prefix = fc.constantFrom('', 'QR-Code:', ' "', '\n\n');
    fc.assert(
      fc.property(column, line, prefix, (columns, between, before) => {
        const lines = Math.ceil(LINK.length / columns);
        fc.pre(lines <= 256);
        expect(linkIn(before + wrapped(LINK, columns, between, 'tributary:'.length))).toBe(LINK);
      }),
    );
  });

  it.each([
    ['nothing like one', ' hello \n', 'hello'],
    ['one that is cut', `${LINK.slice(0, 60)}\nthe rest is missing\n`, LINK.slice(0, 60)],
  ])('is left to the reader of links where there is %s', (_, text, expected) => {
    expect(linkIn(text)).toBe(expected);
  });

  it('is read in no time from whatever text', () => {
    const text = `tributary://${'a\n'.repeat(4_000)}`.repeat(8);
    const startMs = performance.now();
    linkIn(text);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  it.each([
    ['a link and the end of its line', `${LINK}\n`, true],
    ['a link without it', LINK, false],
    ['the first line of a link', `${LINK.slice(0, 80)}\n`, false],
    ['a line without any', 'hello\n', false],
    ['another line, a link and the end of its line', `hello\n${LINK}\n`, true],
    ['blank lines', '\n\r\n', false],
    ['nothing', '', false],
  ])('is told to be there with %s, or not', (_, text, expected) => {
    expect(hasLink(text)).toBe(expected);
  });
});

/** @param whole so many characters at the beginning stay on one line */
function wrapped(text: string, columns: number, between: string, whole = 0): string {
  const first = Math.max(columns, whole);
  const lines = [text.slice(0, first)];
  for (let at = first; at < text.length; at += columns) lines.push(text.slice(at, at + columns));
  return `${lines.join(between)}${between}`;
}
