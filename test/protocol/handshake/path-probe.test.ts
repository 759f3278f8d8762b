import { describe, expect, it } from 'vitest';
import { MAX_PROBE_BODY_BYTES } from '../../../shared/protocol/codec/wire.ts';
import { PathProbe } from '../../../shared/protocol/handshake/path-probe.ts';
import { clientSide, concentratorSide, HELLO } from './handshake-pair.ts';

describe('PROBE', () => {
  it.each([
    { asked: 0, padding: 0 },
    { asked: 1448, padding: 1448 },
    { asked: 8948, padding: 8948 },
    { asked: 65_483, padding: MAX_PROBE_BODY_BYTES },
  ])(
    'of $asked bytes is answered with as many, however it is cut, and HELLO follows',
    ({ asked, padding }) => {
      const probe = new PathProbe(asked);
      expect(probe.request).toHaveLength(8 + padding);
      const concentrator = concentratorSide();
      for (let at = 0; at < probe.request.length; at += 1000) {
        expect(concentrator.takeProbed()).toBeUndefined();
        expect(concentrator.receive(probe.request.subarray(at, at + 1000))).toBeUndefined();
      }
      const answer = concentrator.takeProbed()!;
      expect(concentrator.takeProbed()).toBeUndefined();
      expect(answer).toHaveLength(8 + padding);
      for (const byte of answer.subarray(0, -1)) expect(probe.receive(Uint8Array.of(byte))).toBeUndefined();
      expect(probe.receive(answer.subarray(-1))?.rest).toHaveLength(0);
      expect(concentrator.receive(clientSide(HELLO).request)?.kind).toBe('hello');
    },
  );

  it('is refused twice, with something behind it, or too long', () => {
    const { request } = new PathProbe(100);
    const twice = concentratorSide();
    twice.receive(request);
    expect(() => twice.receive(request)).toThrow('behind PROBE');
    expect(() => concentratorSide().receive(Buffer.concat([request, request]))).toThrow('behind PROBE');
    const long = Uint8Array.of(6, 0, 0, 0, 0, 0, 0x3f, 0xf9);
    expect(() => concentratorSide().receive(long)).toThrow('too long');
  });

  it('takes no other answer', () => {
    const shorter = concentratorSide();
    shorter.receive(new PathProbe(99).request);
    expect(() => new PathProbe(100).receive(shorter.takeProbed()!)).toThrow('the answer to PROBE is wrong');
    expect(() => new PathProbe(100).receive(new PathProbe(100).request)).toThrow(
      'the answer to PROBE is wrong',
    );
  });
});
