import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FEATURES, PROTOCOL_VERSION } from '../../../shared/protocol/codec/wire.ts';
import { cut, cutPlaces, toHex } from '../support.ts';
import {
  answerTo,
  clientSide,
  concentratorSide,
  fixed,
  GRANT,
  HELLO,
  JOIN,
  KEY,
  TOKEN,
} from './handshake-pair.ts';

const LATER = Uint8Array.of(0x16, 0, 0, 0, 0, 0, 0, 0);

describe('handshake', () => {
  it('begins a session with HELLO and WELCOME', () => {
    const client = clientSide(HELLO, { backup: true });
    const concentrator = concentratorSide();
    const request = concentrator.receive(client.request);
    expect(request).toMatchObject({
      kind: 'hello',
      hello: {
        lowestVersion: PROTOCOL_VERSION,
        highestVersion: PROTOCOL_VERSION,
        features: FEATURES,
        clientId: 'laptop',
        uplinkName: 'wlan0',
        backup: true,
      },
    });
    const result = client.receive(concentrator.welcome(GRANT));
    expect(result?.welcome).toMatchObject({
      version: 1,
      features: FEATURES,
      maxStreams: 1000,
      firstWindowBytes: 65_536,
      lingerMs: 60_000,
    });
    expect(toHex(result!.welcome!.token)).toBe(toHex(TOKEN));
    expect(result?.rest).toHaveLength(0);
  });

  it('says which HELLOs begin one session, and which subflow each is', () => {
    const founding = { id: fixed('founding', 16), subflowId: 3 };
    const client = clientSide({ kind: 'hello', founding }, { path: 2 });
    const concentrator = concentratorSide();
    expect(concentrator.receive(client.request)).toMatchObject({ hello: { founding, path: 2 } });
    const result = client.receive(concentrator.welcome({ ...GRANT, subflowId: 3 }));
    expect(result?.welcome?.subflowId).toBe(3);
  });

  it('takes either key of a client that changes it, and answers with the same', () => {
    const other = fixed('other key', 32);
    for (const [keys, key] of [
      [[KEY, other], KEY],
      [[KEY, other], other],
    ] as const) {
      const client = clientSide(HELLO, { identity: { id: 'laptop', key } });
      const concentrator = concentratorSide(undefined, { laptop: keys });
      expect(concentrator.receive(client.request)?.kind).toBe('hello');
      expect(toHex(concentrator.provenKey)).toBe(toHex(key));
      expect(client.receive(concentrator.welcome(GRANT))?.welcome).toBeDefined();
    }
    const client = clientSide(HELLO, { identity: { id: 'laptop', key: fixed('third key', 32) } });
    const concentrator = concentratorSide(undefined, { laptop: [KEY, other] });
    expect(() => concentrator.receive(client.request)).toThrow('unknown client or wrong key');
  });

  it('tells in WELCOME how many subflows there may be, if the concentrator says so', () => {
    for (const maxSubflows of [undefined, 1, 0xffff]) {
      const client = clientSide(HELLO);
      const concentrator = concentratorSide();
      concentrator.receive(client.request);
      const result = client.receive(concentrator.welcome({ ...GRANT, maxSubflows }));
      expect(result?.welcome?.maxSubflows).toBe(maxSubflows);
    }
  });

  it('tells in WELCOME whether further subflows go elsewhere', () => {
    for (const joinElsewhere of [false, true]) {
      const client = clientSide(HELLO);
      const concentrator = concentratorSide();
      concentrator.receive(client.request);
      const result = client.receive(concentrator.welcome({ ...GRANT, maxSubflows: 7, joinElsewhere }));
      expect(result?.welcome).toMatchObject({ maxSubflows: 7, joinElsewhere });
    }
  });

  it.each([
    [undefined],
    ['c1.example.org'],
    ['w2.c1.Example.org'],
    ['localhost'],
    [[...Array(4)].map(() => 'a'.repeat(62)).join('.')],
  ])('tells in WELCOME the server name of connections for JOIN: %s', (joinName) => {
    const client = clientSide(HELLO);
    const concentrator = concentratorSide();
    concentrator.receive(client.request);
    const result = client.receive(concentrator.welcome({ ...GRANT, joinName }));
    expect(result?.welcome?.joinName).toBe(joinName);
  });

  it.each([
    [''],
    ['192.0.2.1'],
    ['2001:db8::1'],
    ['a..example'],
    ['.example'],
    ['example.'],
    ['ex ample'],
    ['ex\0ample'],
    ['b\u00fccher.example'],
    ['a'.repeat(64)],
    [`${'a.'.repeat(127)}a`],
  ])('takes no server name for JOIN that is no host name: %j', (joinName) => {
    const client = clientSide(HELLO);
    const concentrator = concentratorSide();
    concentrator.receive(client.request);
    expect(() => client.receive(concentrator.welcome({ ...GRANT, joinName }))).toThrow('no host name');
  });

  it.each([HELLO, JOIN])('tells which path a subflow takes: $kind', (intent) => {
    for (const path of [0, 4, 255]) {
      const request = concentratorSide().receive(clientSide(intent, { path }).request);
      expect(request?.kind === 'join' ? request.join.path : request?.hello.path).toBe(path);
    }
  });

  it('adds a subflow with JOIN and JOINED', () => {
    const client = clientSide(JOIN);
    const concentrator = concentratorSide();
    const request = concentrator.receive(client.request);
    expect(request).toMatchObject({
      kind: 'join',
      join: { version: 1, subflowId: 3, clientId: 'laptop', uplinkName: 'wlan0', backup: false },
    });
    expect(request?.kind === 'join' && toHex(request.join.token)).toBe(toHex(TOKEN));
    expect(client.receive(concentrator.joined())).toEqual({ rest: new Uint8Array(0) });
  });

  it('lays HELLO and JOIN out as SPEC.md section 5 says', () => {
    const name = `06${toHex(Buffer.from('laptop'))}05${toHex(Buffer.from('wlan0'))}`;
    const hello = toHex(clientSide(HELLO, { backup: true }).request);
    // type, flags, reserved, length 8 + 32 + 13 + 1 + 2 + 32 = 88; versions, reserved, features
    expect(hello.slice(0, 32)).toBe('0100000000000058' + '0101000000000003');
    expect(hello.slice(32 + 64, -64)).toBe(`${name}010000`);
    const join = toHex(clientSide(JOIN, { backup: true }).request);
    // length 8 + 32 + 16 + 13 + 2 + 32 = 103
    expect(join.slice(0, 32)).toBe('0300000000000067' + '0101000000000003');
    expect(join.slice(32 + 64, -64)).toBe(`${toHex(TOKEN)}${name}0000`);
  });

  it.each([HELLO, JOIN])('works however its bytes are cut, and leaves what follows: $kind', (intent) => {
    fc.assert(
      fc.property(cutPlaces(150), fc.nat(20), (cuts, laterBytes) => {
        const later = Uint8Array.from({ length: laterBytes }, (_, i) => i);
        const client = clientSide(intent);
        const concentrator = concentratorSide();
        const rests: Uint8Array[] = [];
        let request: ReturnType<typeof concentrator.receive>;
        for (const piece of cut(
          Buffer.concat([client.request, later]),
          cuts.filter((at) => at < 100),
        )) {
          if (request !== undefined) rests.push(piece);
          else {
            request = concentrator.receive(piece);
            if (request !== undefined) rests.push(request.rest);
          }
        }
        expect(request?.kind).toBe(intent.kind);
        expect(toHex(Buffer.concat(rests))).toBe(toHex(later));
      }),
      { numRuns: 100 },
    );
  });

  it.each([HELLO, JOIN])('has an answer only with its last byte, on both sides: $kind', (intent) => {
    const client = clientSide(intent);
    const concentrator = concentratorSide();
    const { request } = client;
    for (let i = 0; i < request.length - 1; i++) {
      expect(concentrator.receive(request.subarray(i, i + 1))).toBeUndefined();
    }
    const end = Buffer.concat([request.subarray(-1), LATER]);
    const authenticated = concentrator.receive(end);
    expect(authenticated?.kind).toBe(intent.kind);
    expect(toHex(authenticated!.rest)).toBe(toHex(LATER));

    const answer = intent.kind === 'hello' ? concentrator.welcome(GRANT) : concentrator.joined();
    for (let i = 0; i < answer.length - 1; i++) {
      expect(client.receive(answer.subarray(i, i + 1))).toBeUndefined();
    }
    const result = client.receive(Buffer.concat([answer.subarray(-1), LATER]));
    expect(toHex(result!.rest)).toBe(toHex(LATER));
  });

  it('never says the same twice: nonces are fresh', () => {
    expect(toHex(clientSide(HELLO).request)).not.toBe(toHex(clientSide(HELLO).request));
    const { request } = clientSide(JOIN);
    expect(toHex(answerTo(request))).not.toBe(toHex(answerTo(request)));
  });
});
