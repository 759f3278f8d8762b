import type { FrontProtocol } from '../front/front-protocol.ts';
import { MessageSpeaker } from '../front/message-negotiation.ts';
import { Socks4Negotiation } from './negotiation.ts';
import { encodeErrorReply, encodeSuccessReply } from './replies.ts';

/** SOCKS4 and 4a for CONNECT and RESOLVE. Neither has passwords: where users are configured they are refused. */
export const SOCKS4: FrontProtocol = {
  name: 'SOCKS4',
  startsWith: (firstByte) => firstByte === 0x04,
  begin: (client) =>
    new MessageSpeaker(client, new Socks4Negotiation(client.asksForLogin), {
      kind: 'socks4',
      success: encodeSuccessReply,
      failure: encodeErrorReply,
    }),
};
