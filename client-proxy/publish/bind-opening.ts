import type { ErrorName } from '../../shared/protocol/errors.ts';
import { familyOfUnspecified } from '../../shared/runtime/address/ip-address.ts';
import type { BindRequest } from '../front/connect-request.ts';
import { hostFromAddressBytes } from '../front/requested-host.ts';
import type { SteeredRequest, SteeredStream } from '../steering/steered-streams.ts';
import { serveInbound } from './inbound-stream.ts';
import type { Publisher } from './publisher.ts';

export interface BindOpenerOptions {
  readonly publisher: Pick<Publisher, 'expectOne'>;
  /** Without one nobody can wait. */
  readonly hasConcentrator: boolean;
  /** How the connection is steered; undefined where a rule forbids it, or has it go past the concentrator. */
  steer(request: SteeredRequest): SteeredStream | undefined;
  /** Whether an application may wait for anybody, in place of a host that it names. */
  readonly bindFromAnyone: boolean;
  readonly stallTimeoutMs: number;
  /** How a request ended. */
  onResult(result: 'ok' | ErrorName): void;
}

/** A little longer than concentrators wait: theirs is the better answer. */
const WAIT_MS = 150_000;

/** Has the concentrator wait for one connection to an application: BIND of SOCKS5 (RFC 1928 section 6), as for active FTP. */
export class BindOpener {
  readonly #options: BindOpenerOptions;

  constructor(options: BindOpenerOptions) {
    this.#options = options;
  }

  /** Answers the request in any case: where it is waited for, and then who has come. */
  open(request: BindRequest): void {
    const { publisher, hasConcentrator, bindFromAnyone, steer, stallTimeoutMs, onResult } = this.#options;
    const mayAsk = bindFromAnyone || familyOfUnspecified(request.destination.host) === undefined;
    const steered = hasConcentrator && mayAsk ? steer(request) : undefined;
    if (steered === undefined) {
      const error = hasConcentrator ? 'notAuthorized' : 'unsupportedMessage';
      onResult(error);
      request.fail(error);
      return;
    }
    let isOver = false;
    let isAnnounced = false;
    let giveUp: (() => void) | undefined;
    const end = (result: 'ok' | ErrorName): boolean => {
      if (isOver) return false;
      isOver = true;
      clearTimeout(timer);
      giveUp?.();
      if (result !== 'ok') steered.over();
      onResult(result);
      return true;
    };
    const fail = (error: ErrorName) => {
      if (end(error)) request.fail(error);
    };
    const timer = setTimeout(() => fail('timedOut'), WAIT_MS);
    const expected = publisher.expectOne(request.destination.host, {
      onPublished: (outcome) => {
        if (!outcome.ok) fail(outcome.error);
        // The application would take a second place for who has come.
        else if (isAnnounced) fail('malformedMessage');
        else {
          isAnnounced = true;
          request.announce(outcome);
        }
      },
      onInbound(driver, streamId, visit) {
        // Nobody knows the place before the application does.
        if (!isAnnounced || !end('ok')) {
          driver.input(({ streams }) => streams.refuse(streamId, 'cancelled'));
          return;
        }
        const peer = { host: hostFromAddressBytes(visit.visitor), port: visit.visitorPort };
        const connect = async () => {
          request.succeed(peer);
          return request.socket;
        };
        serveInbound({ driver, streamId, connect, steered, stallTimeoutMs, onResult() {}, onOver() {} });
      },
    });
    if (typeof expected === 'string') {
      fail(expected);
      return;
    }
    giveUp = expected;
    request.onAbandoned(() => void end('cancelled'));
  }
}
