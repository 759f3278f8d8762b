import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heardName } from '../../../client-proxy/transparent/heard-name.ts';
import { ECH, extension, GREASE, hello, POST_QUANTUM_KEYS, records, serverName, vector } from './hello.ts';

const NAME = serverName('www.example.org');
const FOUND = { name: 'www.example.org', by: 'tls' };
const http = (text: string) => Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');

describe('the name in a ClientHello', () => {
  it.each([
    ['alone', records(hello({ extensions: [NAME] })), FOUND],
    ['behind GREASE', records(hello({ extensions: [GREASE, NAME, GREASE] })), FOUND],
    ['behind post-quantum keys', records(hello({ extensions: [POST_QUANTUM_KEYS, NAME] })), FOUND],
    [
      'the outer one of ECH',
      records(hello({ extensions: [ECH, serverName('ech.example')] })),
      { name: 'ech.example', by: 'tls' },
    ],
    ['cut over records', records(hello({ extensions: [GREASE, NAME] }), 40), FOUND],
    ['cut over records of one byte', records(hello({ extensions: [NAME] }), 1), FOUND],
    [
      'in capitals, with a final dot',
      records(hello({ extensions: [serverName('WWW.Example.ORG.')] })),
      FOUND,
    ],
    [
      'behind an entry of another type',
      records(
        hello({
          extensions: [
            extension(
              0,
              vector(
                2,
                Buffer.concat([
                  Buffer.of(9),
                  vector(2, Buffer.from('x')),
                  Buffer.of(0),
                  vector(2, Buffer.from('www.example.org')),
                ]),
              ),
            ),
          ],
        }),
      ),
      FOUND,
    ],
    ['without a session id', records(hello({ extensions: [NAME], sessionIdBytes: 0 })), FOUND],
    [
      'before what is no record',
      Buffer.concat([records(hello({ extensions: [NAME] })), Buffer.of(30)]),
      FOUND,
    ],
    [
      'before a record of length 0',
      Buffer.concat([records(hello({ extensions: [NAME] })), Buffer.of(22, 3, 1, 0, 0)]),
      FOUND,
    ],
    [
      'as A-labels',
      records(hello({ extensions: [serverName('xn--bcher-kva.example')] })),
      { name: 'xn--bcher-kva.example', by: 'tls' },
    ],
  ])('is found: %s', (_, bytes, expected) => {
    expect(heardName(bytes)).toEqual(expected);
  });

  it.each([
    ['no extensions at all', records(hello({}))],
    ['no server_name', records(hello({ extensions: [GREASE, POST_QUANTUM_KEYS] }))],
    ['an IPv4 address', records(hello({ extensions: [serverName('192.0.2.1')] }))],
    ['an IPv6 address', records(hello({ extensions: [serverName('2001:db8::1')] }))],
    ['an empty name', records(hello({ extensions: [serverName('')] }))],
    ['an empty extension', records(hello({ extensions: [extension(0, Buffer.alloc(0))] }))],
    ['an empty list', records(hello({ extensions: [extension(0, Buffer.of(0, 0))] }))],
    [
      'a list longer than its extension',
      records(hello({ extensions: [extension(0, Buffer.of(0, 9, 0, 0, 1, 0x61))] })),
    ],
    [
      'an entry longer than the list',
      records(hello({ extensions: [extension(0, Buffer.of(0, 4, 0, 0, 9, 0x61))] })),
    ],
    ['a NUL in the name', records(hello({ extensions: [serverName('a\0b.example')] }))],
    ['a blank in the name', records(hello({ extensions: [serverName('a b.example')] }))],
    ['a name of 300 bytes', records(hello({ extensions: [serverName(`${'a'.repeat(60)}.`.repeat(5))] }))],
    ['bytes that are no text', records(hello({ extensions: [serverName(Buffer.of(0xff, 0xfe))] }))],
    ['another entry alone', records(hello({ extensions: [serverName('www.example.org', 1)] }))],
    ['a ServerHello', records(Buffer.concat([Buffer.of(2), hello({ extensions: [NAME] }).subarray(1)]))],
    ['an alert', records(Buffer.of(2, 40), 16_384, 21)],
    ['a record of length 0', Buffer.of(22, 3, 1, 0, 0)],
    ['a record too long', Buffer.of(22, 3, 1, 0xff, 0xff)],
    ['SSL 2', Buffer.of(0x80, 0x2e, 1, 3, 1)],
    ['another version', Buffer.of(22, 2, 0)],
    ['something else behind the first record', Buffer.concat([records(Buffer.of(1, 0, 1)), Buffer.of(23)])],
  ])('is none: %s', (_, bytes) => {
    expect(heardName(bytes)).toBe('none');
  });

  it.each([
    ['session id', 38],
    ['cipher suites', 71],
    ['extensions', 71 + 2 + 32 + 2],
  ])('is none where a length leads out of the message: %s', (_, at) => {
    const message = hello({ extensions: [NAME] });
    message[at] = 0xff;
    expect(heardName(records(message))).toBe('none');
  });

  it('may still come until its extension is there, whole', () => {
    const bytes = records(hello({ extensions: [POST_QUANTUM_KEYS, NAME, GREASE] }));
    const end = bytes.indexOf('www.example.org') + 'www.example.org'.length;
    for (let length = 0; length < end; length++) expect(heardName(bytes.subarray(0, length))).toBe('more');
    for (let length = end; length <= bytes.length; length++)
      expect(heardName(bytes.subarray(0, length))).toEqual(FOUND);
  });

  it('is found in what Node.js sends', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect({ host: '127.0.0.1', port, servername: 'www.example.org' }).on('error', () => {});
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const [bytes] = (await once(accepted, 'data')) as [Buffer];
    client.destroy();
    accepted.destroy();
    server.close();
    expect(heardName(bytes)).toEqual(FOUND);
  });
});

describe('the name in an HTTP request', () => {
  it.each([
    ['GET / HTTP/1.1\nHost: www.example.org\n\n', 'www.example.org'],
    ['GET / HTTP/1.1\nAccept: */*\nhOST:WWW.Example.org:8080 \n', 'www.example.org'],
    ['OPTIONS * HTTP/1.0\nHost:\twww.example.org.\n', 'www.example.org'],
    ['POST /a?b HTTP/1.1\nHost: a.example\nHost: b.example\n\n', 'a.example'],
    ['VERSION-CONTROL / HTTP/1.1\nHost: a.example\n\n', undefined],
  ])('%j', (text, name) => {
    const expected = name === undefined ? 'none' : { name, by: 'http' };
    expect(heardName(http(text))).toEqual(expected);
    expect(heardName(Buffer.from(text))).toEqual(expected);
  });

  it.each([
    'GET / HTTP/1.1\n\n',
    'GET / HTTP/1.1\nHost:\n\n',
    'GET / HTTP/1.1\nHost: 192.0.2.1\n\n',
    'GET / HTTP/1.1\nHost: [2001:db8::1]:80\n\n',
    'GET / HTTP/1.1\nHost: a b\n\n',
    'GET / HTTP/1.1\nHost : a.example\n\n',
    'GET http://a.example/ HTTP/1.1\nHost: a.example\n\n',
    'CONNECT a.example:443 HTTP/1.1\nHost: a.example\n\n',
    'PRI * HTTP/2.0\n\nSM\n\n',
    'GET /\nHost: a.example\n\n',
    'EHLO a.example\n',
    'get / HTTP/1.1\nHost: a.example\n\n',
    'SSH-2.0-OpenSSH_9.2\n',
    'A'.repeat(17),
    '\0',
    ' GET',
  ])('is none: %j', (text) => {
    expect(heardName(http(text))).toBe('none');
  });

  it('may still come until its line has ended', () => {
    const bytes = http('GET / HTTP/1.1\nUser-Agent: a\nHost: www.example.org\nAccept: */*\n\n');
    const end = bytes.indexOf('Accept');
    for (let length = 0; length < end; length++) expect(heardName(bytes.subarray(0, length))).toBe('more');
    expect(heardName(bytes.subarray(0, end))).toEqual({ name: 'www.example.org', by: 'http' });
  });
});

it('whatever comes, what was heard stays so as more comes', () => {
  const begun = fc.constantFrom(
    records(hello({ extensions: [GREASE, NAME] })),
    http('GET / HTTP/1.1\nHost: a.example\n\n'),
  );
  const damaged = fc.tuple(begun, fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    const copy = Buffer.from(bytes);
    copy[at % copy.length] = value;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
      let before: ReturnType<typeof heardName> = 'more';
      for (let length = 0; length <= bytes.length; length++) {
        const heard = heardName(bytes.subarray(0, length));
        if (before !== 'more') expect(heard).toEqual(before);
        before = heard;
      }
    }),
    { numRuns: 300 },
  );
});
