import { describe, expect, it } from 'vitest';
import {
  entryLine,
  GROUP_LINE,
  isImmutable,
  withEntry,
} from '../../../client-proxy/desktop-proxy/ini-text.ts';

const GROUP = 'Proxy Settings';
const TEXT = `[Other]
ProxyType=7

# mine
[Proxy Settings]
ProxyType=0
httpProxy[$e]=$http_proxy

[Proxy Settings][Nested]
ProxyType=9
`;

describe('a line of a file of KDE', () => {
  it.each([
    ['a key', TEXT, 'ProxyType', 'ProxyType=0'],
    ['a key with options', TEXT, 'httpProxy', 'httpProxy[$e]=$http_proxy'],
    ['a key with blanks', '[Proxy Settings]\nProxyType = 2\n', 'ProxyType', 'ProxyType = 2'],
    ['a key that stands twice', '[Proxy Settings]\na=1\n[x]\n[Proxy Settings]\na=2\n', 'a', 'a=2'],
    ['no such key', TEXT, 'Proxy', null],
    ['the group', TEXT, GROUP_LINE, '[Proxy Settings]'],
    ['no group', '[Proxy]\na=1\n', GROUP_LINE, null],
  ])('is found: %s', (_, text, key, line) => {
    expect(entryLine(text, GROUP, key)).toBe(line);
  });

  it.each([
    ['nothing', ''],
    ['a file without the group', '[Other]\na=1\n'],
    ['the group with other keys', '[Proxy Settings]\nfoo=1\n\n[Other]\na=1\n'],
    ['the group with this key', TEXT],
    ['an empty group at the end', '[Other]\na=1\n\n[Proxy Settings]\n'],
    ['a nested group alone', '[Proxy Settings][Nested]\nProxyType=9\n'],
    ['lines that end as on Windows', '[Proxy Settings]\r\nProxyType=0\r\n[Other]\r\na=1\r\n'],
  ])('is set and put back, byte for byte, in %s', (_, text) => {
    const keys = [GROUP_LINE, 'ProxyType', 'httpProxy'];
    const before = keys.map((key) => entryLine(text, GROUP, key));
    const lines = [before[0] ?? '[Proxy Settings]', 'ProxyType=1', 'httpProxy=http://127.0.0.1 1080'];
    const set = keys.reduce((changed, key, i) => withEntry(changed, GROUP, key, lines[i]!), text);
    expect(keys.map((key) => entryLine(set, GROUP, key))).toEqual(lines);
    const back = keys.reduceRight((changed, key, i) => withEntry(changed, GROUP, key, before[i]!), set);
    expect(back).toBe(text);
  });

  it.each([
    ['[$i]\n[Proxy Settings]\n', true],
    ['[Proxy Settings][$i]\n', true],
    ['[Proxy Settings]\nProxyType[$i]=0\n', true],
    ['[Proxy Settings]\nProxyType[$e]=0\n[Other][$i]\n', false],
    [TEXT, false],
  ])('may be locked: %j', (text, expected) => {
    expect(isImmutable(text, GROUP)).toBe(expected);
  });
});
