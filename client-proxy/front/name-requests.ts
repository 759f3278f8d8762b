import { isIP, isIPv4 } from 'node:net';
import {
  decodeNameAnswer,
  encodeNameQuestion,
  MAX_ANSWER_BYTES,
  NAME_SERVICE,
  type NameAnswer,
  type NameQuestion,
} from '../../shared/protocol/codec/name-question.ts';
import type { ErrorName } from '../../shared/protocol/errors.ts';
import { MessageSocket } from '../../shared/runtime/app/message-socket.ts';
import { closeGracefully } from './closing.ts';
import type { ConnectRequest } from './connect-request.ts';

/** What an application that wants a lookup asks. */
export function questionOf({ destination, lookup }: ConnectRequest): NameQuestion {
  return { wants: lookup === 'name' ? 'names' : 'addresses', of: destination.host };
}

/** Answers an application that wants a lookup, and closes. @returns how, for the metrics */
export function answerLookup(request: ConnectRequest, answer: NameAnswer): 'ok' | ErrorName {
  const isName = request.lookup === 'name';
  const values = 'values' in answer ? answer.values.filter((value) => (isIP(value) === 0) === isName) : [];
  // IPv4 is what works everywhere, and the reply has room for one.
  const ipv4 = values.find((value) => isIPv4(value));
  const host = ipv4 ?? (request.lookup === 'ipv4' ? undefined : values[0]);
  if (host === undefined) {
    const error = 'error' in answer ? answer.error : 'nameNotFound';
    request.fail(error);
    return error;
  }
  request.succeed({ host, port: 0 });
  closeGracefully(request.socket, new Uint8Array(0));
  return 'ok';
}

/**
 * The request of a stream that asks the concentrator in place of an application that wants a lookup; it is answered with what comes
 * back.
 *
 * @param onAnswered how it was answered; called once
 */
export function askedOverConcentrator(
  request: ConnectRequest,
  onAnswered: (result: 'ok' | ErrorName) => void,
): ConnectRequest {
  let isAnswered = false;
  const answer = (given: NameAnswer) => {
    if (isAnswered) return;
    isAnswered = true;
    onAnswered(answerLookup(request, given));
  };
  const socket = new MessageSocket({
    maxBytes: MAX_ANSWER_BYTES,
    onBytes: (bytes, hasEnded) => {
      if (hasEnded) answer(read(bytes));
    },
    onClosed: () => answer({ error: 'connectionReset' }),
  });
  socket.say(new Uint8Array(0));
  return {
    destination: NAME_SERVICE,
    lookup: request.lookup,
    earlyData: [encodeNameQuestion(questionOf(request))],
    socket,
    // The answer comes behind it.
    succeed() {},
    // To an older concentrator it is a name that cannot exist.
    fail: (error) => answer({ error: error === 'nameNotFound' ? 'unsupportedMessage' : error }),
    onAbandoned: (callback) => request.onAbandoned(callback),
  };
}

function read(bytes: Uint8Array): NameAnswer {
  try {
    return decodeNameAnswer(bytes);
  } catch {
    return { error: 'malformedMessage' };
  }
}
