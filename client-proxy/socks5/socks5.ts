import type { FrontProtocol } from '../front/front-protocol.ts';
import { MessageSpeaker } from '../front/message-negotiation.ts';
import { Negotiation } from './negotiation.ts';
import { encodeErrorReply, encodeSuccessReply } from './replies.ts';

/** SOCKS5 (RFC 1928): CONNECT, BIND, UDP ASSOCIATE and lookups, without authentication or with user name and password (RFC 1929). */
export const SOCKS5: FrontProtocol = {
  name: 'SOCKS5',
  startsWith: (firstByte) => firstByte === 0x05,
  begin: (client) =>
    new MessageSpeaker(client, new Negotiation(client.asksForLogin), {
      kind: 'socks5',
      success: encodeSuccessReply,
      failure: encodeErrorReply,
    }),
};
