import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../../shared/protocol/codec/frame.ts';
import { FRAME_TYPE } from '../../../shared/protocol/codec/wire.ts';
import { ERROR_CODE, type ErrorName } from '../../../shared/protocol/errors.ts';
import { speaksOurVersion } from '../../../shared/protocol/handshake/concentrator-handshake.ts';
import { handshakeMac } from '../../../shared/protocol/handshake/crypto.ts';
import {
  encodeHello,
  encodeJoin,
  encodeWelcome,
  type Hello,
  withMac,
} from '../../../shared/protocol/handshake/messages.ts';
import { nodeHandshakeCrypto } from '../../../shared/runtime/session/handshake-crypto.ts';
import { hex, malformed, thrownBy, toHex } from '../support.ts';
import {
  answerTo,
  clientSide,
  concentratorSide,
  EXPORTER,
  fixed,
  GRANT,
  HELLO,
  JOIN,
  KEY,
  TOKEN,
} from './handshake-pair.ts';

const OUR_HELLO: Hello = {
  lowestVersion: 1,
  highestVersion: 1,
  features: 0,
  nonce: fixed('nonce', 32),
  clientId: 'laptop',
  uplinkName: 'wlan0',
  backup: false,
  path: 0,
};
const OUR_JOIN = {
  version: 1,
  backup: false,
  path: 0,
  subflowId: 1,
  nonce: fixed('nonce', 32),
  token: TOKEN,
};

/** A HELLO or JOIN frame with the right mac, whatever its message says. */
function sealed(kind: 'hello' | 'join', message: Uint8Array): Uint8Array {
  const mac = handshakeMac(nodeHandshakeCrypto, KEY, kind, EXPORTER, message);
  return encodeFrame(FRAME_TYPE[kind], 0, withMac(message, mac));
}

describe('REFUSED', () => {
  it.each<ErrorName>(['sessionUnknown', 'resourceExceeded', 'goingAway', 'unsupportedVersion'])(
    'carries %s to the client',
    (error) => {
      const client = clientSide(JOIN);
      const concentrator = concentratorSide();
      concentrator.receive(client.request);
      const refusal = concentrator.refuse(error);
      expect(toHex(refusal)).toBe(`050000000000000200${ERROR_CODE[error].toString(16).padStart(2, '0')}`);
      expect(thrownBy(() => client.receive(refusal))).toEqual({ code: error, name: 'HandshakeRefused' });
    },
  );

  it('reads an unknown code as internalError', () => {
    const refusal = hex('05 00 0000 00000002 fffe');
    expect(thrownBy(() => clientSide(HELLO).receive(refusal))).toMatchObject({ code: 'internalError' });
  });

  it('needs its code', () => {
    expect(thrownBy(() => clientSide(HELLO).receive(hex('05 00 0000 00000001 00')))).toEqual(malformed);
  });
});

describe('an answer before an authenticated request', () => {
  const misuse = { code: 'internalError', name: 'MisuseError' };
  const badRequests: readonly [string, Uint8Array | undefined][] = [
    ['none', undefined],
    ['one that is not whole', clientSide(HELLO).request.subarray(0, 50)],
    ['one with a wrong key', clientSide(HELLO, { identity: { id: 'laptop', key: fixed('x', 32) } }).request],
    ['one that is malformed', sealed('hello', encodeHello({ ...OUR_HELLO, clientId: 'a b' }))],
    ['one of the wrong type', encodeFrame(FRAME_TYPE.welcome, 0, new Uint8Array(100))],
  ];

  it.each(badRequests)('is a misuse: %s', (_, request) => {
    const concentrator = concentratorSide();
    if (request !== undefined) thrownBy(() => concentrator.receive(request));
    expect(thrownBy(() => concentrator.welcome(GRANT))).toEqual(misuse);
    expect(thrownBy(() => concentrator.joined())).toEqual(misuse);
    expect(thrownBy(() => concentrator.refuse('goingAway'))).toEqual(misuse);
  });
});

describe('versions', () => {
  it.each([
    [0, 0, false],
    [0, 1, true],
    [1, 1, true],
    [1, 9, true],
    [2, 9, false],
    [1, 0, false],
  ])('a client that speaks %i to %i: %s', (lowestVersion, highestVersion, speaks) => {
    const request = concentratorSide().receive(
      sealed('hello', encodeHello({ ...OUR_HELLO, lowestVersion, highestVersion })),
    );
    expect(request?.kind === 'hello' && speaksOurVersion(request.hello)).toBe(speaks);
  });

  it.each([
    [0, false],
    [1, true],
    [2, false],
  ])('a JOIN in version %i: %s', (version, speaks) => {
    const join = { ...OUR_JOIN, version, clientId: 'laptop', uplinkName: 'wlan0' };
    const request = concentratorSide().receive(sealed('join', encodeJoin(join)));
    expect(request?.kind === 'join' && speaksOurVersion(request.join)).toBe(speaks);
  });

  it('the client refuses a version that it did not offer, though the mac is right', () => {
    const client = clientSide(HELLO);
    const welcome = encodeWelcome({ ...GRANT, version: 2, features: 0, nonce: fixed('n', 32) });
    const mac = handshakeMac(
      nodeHandshakeCrypto,
      KEY,
      'welcome',
      EXPORTER,
      client.request.subarray(8),
      welcome,
    );
    const answer = encodeFrame(FRAME_TYPE.welcome, 0, withMac(welcome, mac));
    expect(thrownBy(() => client.receive(answer))).toEqual({
      code: 'unsupportedVersion',
      name: 'ProtocolViolation',
    });
  });
});

describe('lengths', () => {
  it.each([
    ['the concentrator', (bytes: Uint8Array) => concentratorSide().receive(bytes)],
    ['the client', (bytes: Uint8Array) => clientSide(HELLO).receive(bytes)],
  ])('%s refuses more than 2048 bytes of body by the header alone', (_, receive) => {
    expect(thrownBy(() => receive(hex('01 00 0000 00000801')))).toEqual(malformed);
    expect(thrownBy(() => receive(hex('02 00 0000 ffffffff')))).toEqual(malformed);
    expect(receive(hex('01 00 0000 00000800'))).toBeUndefined();
  });

  it('a body without room for a mac is malformed', () => {
    for (const length of [0, 1, 31]) {
      const frame = encodeFrame(FRAME_TYPE.hello, 0, new Uint8Array(length));
      expect(thrownBy(() => concentratorSide().receive(frame))).toEqual(malformed);
    }
  });

  it('a message that ends early is malformed though its mac is right', () => {
    const hello = encodeHello(OUR_HELLO);
    for (let end = 0; end < hello.length; end++) {
      const frame = sealed('hello', hello.subarray(0, end));
      expect(thrownBy(() => concentratorSide().receive(frame))).toEqual(malformed);
    }
    const join = encodeJoin({ ...OUR_JOIN, clientId: 'laptop', uplinkName: 'wlan0' });
    for (let end = 0; end < join.length; end++) {
      const frame = sealed('join', join.subarray(0, end));
      expect(thrownBy(() => concentratorSide().receive(frame))).toEqual(malformed);
    }
  });
});

describe('parameters', () => {
  const withParameters = (text: string) =>
    sealed('hello', Buffer.concat([encodeHello(OUR_HELLO).subarray(0, -2), hex(text)]));

  it('of unknown types are ignored', () => {
    const frame = withParameters('000b 0001 0003 616263 ffff 0000');
    expect(concentratorSide().receive(frame)).toMatchObject({ kind: 'hello', hello: { clientId: 'laptop' } });
  });

  it.each(['0001', '0004 0001', '0004 0001 0001', '0000 00', '0005 0001 0000 00', '0006 0001 0003 6162'])(
    'that do not fit are malformed: %s',
    (text) => {
      expect(thrownBy(() => concentratorSide().receive(withParameters(text)))).toEqual(malformed);
    },
  );
});

describe('names', () => {
  const good = ['a', 'A-Z_0.9', 'x'.repeat(64)];
  const bad = ['a b', 'ä', 'a/b', 'a\n', '\u0000', 'x'.repeat(65), '../etc', 'a\u202eb'];

  it.each(good)('%s is taken, as client id and as uplink name', (name) => {
    const keys = { [name]: KEY };
    const request = sealed('hello', encodeHello({ ...OUR_HELLO, clientId: name, uplinkName: name }));
    expect(concentratorSide(EXPORTER, keys).receive(request)).toMatchObject({
      hello: { clientId: name, uplinkName: name },
    });
  });

  it.each(bad)('%j is refused, though its mac is right', (name) => {
    const keys = { [name]: KEY, laptop: KEY };
    for (const names of [
      { clientId: name, uplinkName: 'wlan0' },
      { clientId: 'laptop', uplinkName: name },
    ]) {
      const hello = sealed('hello', encodeHello({ ...OUR_HELLO, ...names }));
      const join = sealed('join', encodeJoin({ ...OUR_JOIN, ...names }));
      expect(thrownBy(() => concentratorSide(EXPORTER, keys).receive(hello))).toEqual(malformed);
      expect(thrownBy(() => concentratorSide(EXPORTER, keys).receive(join))).toEqual(malformed);
    }
  });
});

describe('flags of the handshake', () => {
  it('but B are ignored', () => {
    const hello = encodeHello(OUR_HELLO);
    hello[hello.length - 3] = 0xfe;
    expect(concentratorSide().receive(sealed('hello', hello))).toMatchObject({ hello: { backup: false } });
    hello[hello.length - 3] = 0xff;
    expect(concentratorSide().receive(sealed('hello', hello))).toMatchObject({ hello: { backup: true } });
  });

  it('B of JOIN arrives', () => {
    const { request } = clientSide(JOIN, { backup: true });
    expect(concentratorSide().receive(request)).toMatchObject({ join: { backup: true } });
    expect(answerTo(request)).toHaveLength(8 + 32 + 2 + 32);
  });
});
