import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../client-proxy/front/credentials.ts';
import type { NegotiationAction } from '../../../client-proxy/front/message-negotiation.ts';
import { Negotiation } from '../../../client-proxy/socks5/negotiation.ts';
import { MisuseError } from '../../../shared/protocol/errors.ts';
import { fromHex, hex } from './socks-bed.ts';

const authenticate = createAuthenticator([{ name: 'ada', password: 'lovelace' }]);

const GREETING = '05 01 00';
const GREETING_PASSWORD = '05 02 00 02';
const CREDENTIALS = '01 03 616461 08 6c6f76656c616365';
const REQUEST_DOMAIN = '05 01 00 03 0b 6578616d706c652e6f7267 01bb';

/** The actions in a form that compares well: one line each. */
function run(negotiation: Negotiation, pieces: Iterable<Uint8Array>): string[] {
  const lines: string[] = [];
  let early = '';
  for (const piece of pieces) {
    if (lines.some(isLast)) {
      early += hex(piece);
      continue;
    }
    // The memory is the caller's: what is kept must survive its reuse.
    const lent = Uint8Array.from(piece);
    const actions = negotiation.receive(lent);
    lent.fill(0xdd);
    for (let action = actions.shift(); action !== undefined; action = actions.shift()) {
      if (action.kind === 'login') {
        actions.push(...negotiation.answerLogin(authenticate(action.name, action.password)));
        continue;
      }
      if (action.kind === 'request') early = hex(action.earlyData);
      lines.push(line(action));
    }
  }
  if (early) lines.push(`early ${early}`);
  return lines;
}

function line(action: NegotiationAction): string {
  switch (action.kind) {
    case 'send':
      return `send ${hex(action.bytes)}`;
    case 'login':
      return 'login';
    case 'request':
      return `${action.command === 'connect' ? 'request' : action.command} ${action.destination.host} ${action.destination.port} ${action.user ?? '-'}`;
    case 'failure':
      return `failure ${action.reason} ${action.farewell ? hex(action.farewell) : 'closed'}`;
  }
}

const isLast = (text: string) => text.startsWith('request') || text.startsWith('failure');

const COMPLETE: [name: string, withUsers: boolean, input: string, lines: string[]][] = [
  ['no authentication', false, `${GREETING} ${REQUEST_DOMAIN}`, ['send 0500', 'request example.org 443 -']],
  [
    'user and password',
    true,
    `${GREETING_PASSWORD} ${CREDENTIALS} ${REQUEST_DOMAIN}`,
    ['send 0502', 'send 0100', 'request example.org 443 ada'],
  ],
  [
    'IPv4 and early data',
    false,
    `${GREETING} 05 01 00 01 7f000001 1f90 474554`,
    ['send 0500', 'request 127.0.0.1 8080 -', 'early 474554'],
  ],
  [
    'IPv6, canonical text',
    false,
    `${GREETING} 05 01 00 04 20010db8000000000001000000000001 0016`,
    ['send 0500', 'request 2001:db8::1:0:0:1 22 -'],
  ],
  [
    'IPv4-mapped IPv6',
    false,
    `${GREETING} 05 01 00 04 00000000000000000000ffff7f000001 0016`,
    ['send 0500', 'request 127.0.0.1 22 -'],
  ],
  [
    'IPv6 text in the domain field',
    false,
    `${GREETING} 05 01 00 03 03 3a3a31 0016`,
    ['send 0500', 'request ::1 22 -'],
  ],
  [
    'many methods, rubbish in the reserved byte',
    false,
    `05 04 80 01 00 02 05 01 ff 01 7f000001 ffff`,
    ['send 0500', 'request 127.0.0.1 65535 -'],
  ],
];

const REFUSED: [name: string, withUsers: boolean, input: string, lines: string[]][] = [
  ['SOCKS4', false, '04 01 0050 7f000001 00', ['failure badVersion closed']],
  ['TLS', false, '16 03 01 02 00', ['failure badVersion closed']],
  ['version 0', false, '00', ['failure badVersion closed']],
  ['no methods', false, '05 00', ['failure noAcceptableMethod 05ff']],
  ['GSSAPI only', false, '05 01 01', ['failure noAcceptableMethod 05ff']],
  ['password offered, none configured', false, '05 01 02', ['failure noAcceptableMethod 05ff']],
  ['no password offered, one required', true, '05 01 00', ['failure noAcceptableMethod 05ff']],
  [
    'authentication version',
    true,
    `${GREETING_PASSWORD} 05 03 616461 01 61`,
    ['send 0502', 'failure badVersion 0101'],
  ],
  [
    'wrong password',
    true,
    `${GREETING_PASSWORD} 01 03 616461 01 61`,
    ['send 0502', 'failure badCredentials 0101'],
  ],
  [
    'unknown user',
    true,
    `${GREETING_PASSWORD} 01 03 657665 08 6c6f76656c616365`,
    ['send 0502', 'failure badCredentials 0101'],
  ],
  [
    'empty name and password',
    true,
    `${GREETING_PASSWORD} 01 00 00`,
    ['send 0502', 'failure badCredentials 0101'],
  ],
  ['request version', false, `${GREETING} 04 01 00 01`, ['send 0500', 'failure badVersion ']],
  ['BIND', false, `${GREETING} 05 02 00 01 7f000001 0050`, ['send 0500', 'bind 127.0.0.1 80 -']],
  ['UDP ASSOCIATE', false, `${GREETING} 05 03 00 01 00000000 0000`, ['send 0500', 'associate 0.0.0.0 0 -']],
  [
    'UDP ASSOCIATE from a place that cannot be one',
    false,
    `${GREETING} 05 03 00 03 00 0007`,
    ['send 0500', 'associate 0.0.0.0 7 -'],
  ],
  ['BIND, port 0', false, `${GREETING} 05 02 00 01 7f000001 0000`, ['send 0500', 'bind 127.0.0.1 0 -']],
  [
    'unknown command',
    false,
    `${GREETING} 05 f2 00 03`,
    ['send 0500', 'failure unsupportedCommand 05070001000000000000'],
  ],
  [
    'RESOLVE of an unknown address type',
    false,
    `${GREETING} 05 f0 00 02`,
    ['send 0500', 'failure unsupportedAddressType 05080001000000000000'],
  ],
  [
    'RESOLVE_PTR of a name',
    false,
    `${GREETING} 05 f1 00 03 04 612e6264 0000`,
    ['send 0500', 'failure badDestination 05040001000000000000'],
  ],
  [
    'unknown address type',
    false,
    `${GREETING} 05 01 00 02`,
    ['send 0500', 'failure unsupportedAddressType 05080001000000000000'],
  ],
  [
    'port 0',
    false,
    `${GREETING} 05 01 00 01 7f000001 0000`,
    ['send 0500', 'failure badDestination 05010001000000000000'],
  ],
  [
    'empty domain name',
    false,
    `${GREETING} 05 01 00 03 00 0050`,
    ['send 0500', 'failure badDestination 05040001000000000000'],
  ],
  [
    'NUL in the domain name',
    false,
    `${GREETING} 05 01 00 03 03 610062 0050`,
    ['send 0500', 'failure badDestination 05040001000000000000'],
  ],
  [
    'oversized domain name',
    false,
    `${GREETING} 05 01 00 03 ff ${'61622e'.repeat(85)} 0050`,
    ['send 0500', 'failure badDestination 05040001000000000000'],
  ],
];

const negotiation = (withUsers: boolean) => new Negotiation(withUsers);

describe('SOCKS5 negotiation', () => {
  it.each(COMPLETE)('completes: %s', (_name, withUsers, input, lines) => {
    expect(run(negotiation(withUsers), [fromHex(input)])).toEqual(lines);
  });

  it.each(REFUSED)('refuses: %s', (_name, withUsers, input, lines) => {
    expect(run(negotiation(withUsers), [fromHex(input)])).toEqual(lines);
  });

  it.each([...COMPLETE, ...REFUSED])('takes single bytes: %s', (_name, withUsers, input, lines) => {
    const bytes = [...fromHex(input)].map((byte) => Uint8Array.of(byte));
    expect(run(negotiation(withUsers), bytes).filter((text) => !text.startsWith('early'))).toEqual(
      lines.filter((text) => !text.startsWith('early')),
    );
  });

  it('gives the same actions however the bytes are split', () => {
    const cases = COMPLETE.map(([, withUsers, input]) => ({ withUsers, bytes: fromHex(input) }));
    fc.assert(
      fc.property(
        fc.constantFrom(...cases),
        fc.uint8Array({ maxLength: 50 }),
        fc.array(fc.nat(80), { maxLength: 8 }),
        ({ withUsers, bytes }, more, cuts) => {
          const whole = Buffer.concat([bytes, more]);
          const edges = [0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length];
          edges.sort((a, b) => a - b);
          const pieces = edges.slice(1).map((edge, index) => whole.subarray(edges[index], edge));
          expect(run(negotiation(withUsers), pieces)).toEqual(run(negotiation(withUsers), [whole]));
        },
      ),
    );
  });

  it('waits for more at every truncation, and is silent about it', () => {
    for (const [, withUsers, input, lines] of COMPLETE) {
      if (lines.some((text) => text.startsWith('early'))) continue;
      const bytes = fromHex(input);
      for (let length = 0; length < bytes.length; length += 1) {
        const got = run(negotiation(withUsers), [bytes.subarray(0, length)]);
        expect(got).toEqual(lines.slice(0, got.length));
        expect(got.some(isLast)).toBe(false);
      }
    }
  });

  it('survives any bytes: ends with at most one last action', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.uint8Array({ maxLength: 600 }), (withUsers, bytes) => {
        const actions = negotiation(withUsers).receive(bytes);
        expect(actions.filter(({ kind }) => kind !== 'send').length).toBeLessThanOrEqual(1);
        expect(actions.slice(0, -1).every(({ kind }) => kind === 'send')).toBe(true);
      }),
    );
  });

  it('takes no bytes after its end', () => {
    const one = negotiation(false);
    one.receive(Uint8Array.of(4));
    expect(() => one.receive(Uint8Array.of(5))).toThrow(MisuseError);
  });

  it('keeps early data apart from memory that is reused', () => {
    const lent = Buffer.concat([fromHex(`${GREETING} 05 01 00 01 7f000001 0050`), Buffer.from('early')]);
    const actions = negotiation(false).receive(lent);
    lent.fill(0);
    const last = actions.at(-1);
    expect(last?.kind === 'request' && Buffer.from(last.earlyData).toString()).toBe('early');
  });
});
