import { describe, expect, it } from 'vitest';
import { thrownBy } from '../support.ts';
import { answerTo, clientSide, concentratorSide, fixed, GRANT, HELLO, JOIN, KEY } from './handshake-pair.ts';

const unauthorized = { code: 'notAuthorized', name: 'ProtocolViolation' };

/** A copy with the bits of one byte changed. */
function flipped(bytes: Uint8Array, at: number, bits: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= bits;
  return copy;
}

/** Whether a side accepts: a result. A message that is not whole, or anything thrown as a violation, is no acceptance. */
function accepts(receive: () => unknown): boolean {
  let accepted = false;
  const thrown = thrownBy(() => {
    accepted = receive() !== undefined;
  });
  if (thrown !== undefined) expect(['ProtocolViolation', 'HandshakeRefused']).toContain(thrown.name);
  return accepted;
}

/** Flags and reserved bytes of the frame header are ignored on receipt (SPEC.md section 3). */
const IGNORED_HEADER_BYTES = new Set([1, 2, 3]);

describe('a changed byte', () => {
  it.each([HELLO, JOIN])('anywhere in the request is refused: $kind', (intent) => {
    const { request } = clientSide(intent);
    expect(accepts(() => concentratorSide().receive(request))).toBe(true);
    for (let at = 0; at < request.length; at++) {
      if (IGNORED_HEADER_BYTES.has(at)) continue;
      for (const bits of [0x01, 0x80, 0xff]) {
        expect(accepts(() => concentratorSide().receive(flipped(request, at, bits)))).toBe(false);
      }
    }
  });

  it.each([HELLO, JOIN])('anywhere in the answer is refused: $kind', (intent) => {
    for (let at = 0; ; at++) {
      const client = clientSide(intent);
      const answer = answerTo(client.request);
      if (at >= answer.length) break;
      if (IGNORED_HEADER_BYTES.has(at)) continue;
      expect(accepts(() => client.receive(flipped(answer, at, 0x01)))).toBe(false);
    }
  });

  it.each([HELLO, JOIN])('a request or answer that is cut off is never accepted: $kind', (intent) => {
    const client = clientSide(intent);
    const answer = answerTo(client.request);
    for (let end = 0; end < client.request.length; end++) {
      expect(concentratorSide().receive(client.request.subarray(0, end))).toBeUndefined();
    }
    for (let end = 0; end < answer.length; end++) {
      expect(accepts(() => clientSide(intent).receive(answer.subarray(0, end)))).toBe(false);
    }
  });
});

describe('authentication', () => {
  it.each([HELLO, JOIN])('refuses a wrong key: $kind', (intent) => {
    const { request } = clientSide(intent, { identity: { id: 'laptop', key: fixed('other key', 32) } });
    expect(thrownBy(() => concentratorSide().receive(request))).toEqual(unauthorized);
  });

  it.each([HELLO, JOIN])('refuses an unknown client in the same words: $kind', (intent) => {
    const { request } = clientSide(intent, { identity: { id: 'stranger', key: KEY } });
    expect(thrownBy(() => concentratorSide().receive(request))).toEqual(unauthorized);
    // Also with the key that is there before anyone is known.
    const zero = clientSide(intent, { identity: { id: 'stranger', key: new Uint8Array(32) } });
    expect(thrownBy(() => concentratorSide().receive(zero.request))).toEqual(unauthorized);
  });

  it.each(['__proto__', 'constructor', 'toString'])('has no client by the name of %s', (id) => {
    const { request } = clientSide(HELLO, { identity: { id, key: KEY } });
    expect(thrownBy(() => concentratorSide().receive(request))).toEqual(unauthorized);
  });

  it.each([HELLO, JOIN])('refuses a recorded request on another connection: $kind', (intent) => {
    const { request } = clientSide(intent);
    const elsewhere = concentratorSide(fixed('another exporter', 32));
    expect(thrownBy(() => elsewhere.receive(request))).toEqual(unauthorized);
  });

  it.each([HELLO, JOIN])('refuses a recorded answer, on this connection or another: $kind', (intent) => {
    const recorded = answerTo(clientSide(intent).request);
    expect(thrownBy(() => clientSide(intent).receive(recorded))).toEqual(unauthorized);
    const client = clientSide(intent, { exporter: fixed('another exporter', 32) });
    const relayed = answerTo(clientSide(intent).request);
    expect(thrownBy(() => client.receive(relayed))).toEqual(unauthorized);
  });

  it('refuses an answer by someone without the key', () => {
    const client = clientSide(HELLO);
    const wrong = { laptop: fixed('other key', 32) };
    const impostor = concentratorSide(undefined, wrong);
    // The impostor can not even read the request; so let it answer a request of its own.
    impostor.receive(clientSide(HELLO, { identity: { id: 'laptop', key: wrong.laptop } }).request);
    expect(thrownBy(() => client.receive(impostor.welcome(GRANT)))).toEqual(unauthorized);
  });

  it('does not take the answer of one kind for the other', () => {
    const joining = clientSide(JOIN);
    const beginning = clientSide(HELLO);
    const malformed = { code: 'malformedMessage', name: 'ProtocolViolation' };
    expect(thrownBy(() => joining.receive(answerTo(beginning.request)))).toEqual(malformed);
    expect(thrownBy(() => beginning.receive(answerTo(clientSide(JOIN).request)))).toEqual(malformed);
  });

  it('does not take a request sent back for an answer', () => {
    const client = clientSide(HELLO);
    expect(thrownBy(() => client.receive(client.request))?.name).toBe('ProtocolViolation');
    const answer = answerTo(clientSide(JOIN).request);
    expect(thrownBy(() => concentratorSide().receive(answer))?.name).toBe('ProtocolViolation');
  });
});
