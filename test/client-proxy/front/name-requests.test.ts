import { describe, expect, it } from 'vitest';
import type { ConnectRequest, Lookup } from '../../../client-proxy/front/connect-request.ts';
import { answerLookup, askedOverConcentrator } from '../../../client-proxy/front/name-requests.ts';
import { encodeNameAnswer, encodeNameQuestion } from '../../../shared/protocol/codec/name-question.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';

function request(lookup: Lookup, host = 'www.test') {
  const answers: string[] = [];
  const asked: ConnectRequest = {
    destination: { host, port: 0 },
    lookup,
    earlyData: [],
    socket: new FakeAppSocket(),
    succeed: (bound) => answers.push(`${bound?.host} ${bound?.port}`),
    fail: (error) => answers.push(error),
    onAbandoned() {},
  };
  return { asked, answers };
}

describe('the answer to an application', () => {
  it.each([
    ['address', ['2001:db8::1', '192.0.2.1', '192.0.2.2'], '192.0.2.1 0'],
    ['address', ['2001:db8::1'], '2001:db8::1 0'],
    ['ipv4', ['2001:db8::1', '192.0.2.1'], '192.0.2.1 0'],
    ['ipv4', ['2001:db8::1'], 'nameNotFound'],
    ['name', ['a.test', 'b.test'], 'a.test 0'],
    // What a concentrator says that was not asked.
    ['address', ['a.test'], 'nameNotFound'],
    ['name', ['192.0.2.1'], 'nameNotFound'],
    ['name', [], 'nameNotFound'],
  ] as const)('%s of %j: %s', (lookup, values, answer) => {
    const { asked, answers } = request(lookup);
    expect(answerLookup(asked, { values })).toBe(answer === 'nameNotFound' ? answer : 'ok');
    expect(answers).toEqual([answer]);
  });
});

describe('a question to the concentrator', () => {
  const ask = (lookup: Lookup = 'address') => {
    const { asked, answers } = request(lookup);
    const results: string[] = [];
    const stream = askedOverConcentrator(asked, (result) => results.push(result));
    return { stream, answers, results };
  };

  it('is a stream of its own', () => {
    const { stream } = ask('name');
    expect(stream.destination).toEqual({ host: 'names.tributary.invalid', port: 53 });
    expect(stream.earlyData).toEqual([encodeNameQuestion({ wants: 'names', of: 'www.test' })]);
  });

  it('is answered once, with what has come by the end', () => {
    const { stream, answers, results } = ask();
    stream.succeed();
    stream.socket.write([encodeNameAnswer({ values: ['192.0.2.1'] })]);
    expect(answers).toEqual([]);
    stream.socket.end();
    stream.socket.destroy();
    stream.fail('goingAway');
    expect([answers, results]).toEqual([['192.0.2.1 0'], ['ok']]);
  });

  it.each([
    ['an older concentrator', (stream: ConnectRequest) => stream.fail('nameNotFound'), 'unsupportedMessage'],
    ['no session', (stream: ConnectRequest) => stream.fail('uplinksLost'), 'uplinksLost'],
    ['a stream that is lost', (stream: ConnectRequest) => stream.socket.destroy('reset'), 'connectionReset'],
    ['an end without an answer', (stream: ConnectRequest) => stream.socket.end(), 'malformedMessage'],
    [
      'too long an answer',
      (stream: ConnectRequest) => void stream.socket.write([new Uint8Array(5_000)]),
      'connectionReset',
    ],
  ])('says why there is no answer: %s', (_, happen, error) => {
    const { stream, answers, results } = ask();
    happen(stream);
    expect([answers, results]).toEqual([[error], [error]]);
  });
});
