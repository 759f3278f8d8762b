import { createAuthenticator } from '../../../client-proxy/front/credentials.ts';
import { Negotiation, type NegotiationAction } from '../../../client-proxy/socks5/negotiation.ts';
import { type FuzzTarget, promise } from '../fuzz-target.ts';
import { InputReader } from '../input-reader.ts';

const USER = { name: 'user', password: 'correct' };
const authenticate = createAuthenticator([USER]);

/** The SOCKS5 port: however the bytes are cut, the same comes of them; no request without the right password. */
export const socks: FuzzTarget = {
  name: 'socks',
  maxBytes: 1_400,
  seeds: () => [
    Uint8Array.of(0, 0xff, 5, 1, 0, 5, 1, 0, 3, 1, 0x61, 0, 80, 1, 2, 3),
    Uint8Array.of(0, 0xff, 5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80),
    Uint8Array.of(0, 0xff, 5, 1, 0, 5, 1, 0, 4, ...new Uint8Array(16), 0, 80),
    Uint8Array.of(1, 0xff, 5, 1, 2, 1, 4, ...Buffer.from(USER.name), 7, ...Buffer.from(USER.password)),
    Uint8Array.of(0, 0xff, ...Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')),
    Uint8Array.of(0, 0xff, 4, 1, 0, 80, 192, 0, 2, 1, 0),
    Uint8Array.of(0, 0xff, 5, 1, 0, 5, 0xf0, 0, 3, 1, 0x61, 0, 0),
    Uint8Array.of(0, 0xff, 5, 1, 0, 5, 0xf1, 0, 1, 192, 0, 2, 1, 0, 0),
  ],
  run(input) {
    const reader = new InputReader(input);
    const wantsPassword = (reader.u8() & 1) === 1;
    const pieces = [...reader.pieces()];
    const cut = negotiate(wantsPassword, pieces);
    const whole = negotiate(wantsPassword, [Buffer.concat(pieces)]);
    promise(cut === whole, `cut: ${cut}\nwhole: ${whole}`);
    const knowsPassword = Buffer.concat(pieces).includes(USER.password);
    promise(!wantsPassword || knowsPassword || !cut.includes('"request"'), 'a request without the password');
  },
};

function negotiate(wantsPassword: boolean, pieces: readonly Uint8Array[]): string {
  const negotiation = new Negotiation(wantsPassword);
  const actions: NegotiationAction[] = [];
  for (const [index, piece] of pieces.entries()) {
    const end = lastOf(actions);
    if (end?.kind === 'request') {
      // What comes behind the request is the stream's.
      actions[actions.length - 1] = {
        ...end,
        earlyData: Buffer.concat([end.earlyData, ...pieces.slice(index)]),
      };
      break;
    }
    if (end?.kind === 'failure') break;
    for (const action of negotiation.receive(piece)) {
      if (action.kind !== 'login') actions.push(action);
      else actions.push(...negotiation.answerLogin(authenticate(action.name, action.password)));
    }
  }
  return JSON.stringify(actions.map(shown));
}

function shown(action: NegotiationAction): unknown {
  switch (action.kind) {
    case 'login':
      throw new Error('a login behind a login');
    case 'send':
      return { ...action, bytes: hexOf(action.bytes) };
    case 'request':
      return { ...action, earlyData: hexOf(action.earlyData) };
    case 'failure':
      return { ...action, farewell: action.farewell && hexOf(action.farewell) };
  }
}

function lastOf(actions: readonly NegotiationAction[]): NegotiationAction | undefined {
  return actions.at(-1);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
