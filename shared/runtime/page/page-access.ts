import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoopback } from '../address/special-ranges.ts';
import { LoginPace } from '../admission/login-pace.ts';
import type { MonotonicClock } from '../clock.ts';
import { refuse } from './page-answers.ts';

export interface PageAccessOptions {
  /** Where the endpoint listens. */
  readonly host: string;
  readonly password: string | undefined;
  readonly clock: MonotonicClock;
}

/** Who may see the page, and use it: everybody where only this machine gets, and elsewhere who has the password. */
export class PageAccess {
  readonly #options: PageAccessOptions;
  readonly #pace: LoginPace;

  constructor(options: PageAccessOptions) {
    this.#options = options;
    this.#pace = new LoginPace(options.clock);
  }

  /** Calls `serve` for who may, at once or after a while; answers all others. */
  check(request: IncomingMessage, response: ServerResponse, serve: () => void): void {
    const { password, host } = this.#options;
    if (password !== undefined) this.#whenRight(request, response, password, serve);
    else if (isLoopback(host)) serve();
    else refuse(response, 403, NOT_SERVED);
  }

  #whenRight(request: IncomingMessage, response: ServerResponse, password: string, serve: () => void) {
    const ask = () => {
      response.setHeader('WWW-Authenticate', 'Basic realm="Tributary", charset="UTF-8"');
      refuse(response, 401, 'The page wants the password in metrics.password; the name does not matter.\n');
    };
    const given = passwordIn(request);
    if (given === undefined) return ask();
    const address = request.socket.remoteAddress ?? '';
    const waitMs = this.#pace.reserve(address);
    if (waitMs === undefined) return refuse(response, 429, 'too many wrong passwords: wait a few seconds\n');
    const check = () => {
      if (!isSameText(given, password)) return ask();
      this.#pace.onRight(address);
      // Who did not wait for the answer takes no place of somebody who does.
      if (!response.destroyed) serve();
    };
    if (waitMs === 0) check();
    else setTimeout(check, waitMs).unref();
  }
}

/**
 * Whether a browser says that a page of another origin asks. It says so by Sec-Fetch-Site; without TLS only to its own machine, so
 * that elsewhere Origin must do, which each POST has, or Referer, which pictures and links have. Programs send none of them.
 */
export function isForeign({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site !== 'same-origin';
  const { origin, referer, host = '' } = headers;
  return [origin, referer].some((from) => from !== undefined && hostOf(from) !== host.toLowerCase());
}

/** Compares in the same time whatever is given. */
export function isSameText(given: string, right: string): boolean {
  return timingSafeEqual(digest(given), digest(right));
}

const NOT_SERVED =
  'Other machines can reach this address, so the page is only served with a password: set metrics.password in the ' +
  'configuration, or let metrics.listen be on loopback.\n';

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** RFC 7617. Undefined where none is given. */
function passwordIn({ headers: { authorization = '' } }: IncomingMessage): string | undefined {
  const encoded = /^basic +([a-z0-9+/=]+) *$/i.exec(authorization)?.[1] ?? '';
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
