import { type IncomingMessage, ServerResponse } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import type { FrontClient, FrontFailure } from '../front/front-protocol.ts';
import {
  answerForError,
  CONNECTED,
  encodeLastResponse,
  LOGIN_NEEDED,
  type OwnAnswer,
  TOO_MANY_LOGINS,
} from './answers.ts';
import type { ClientStream } from './client-stream.ts';
import { encodeHead, endToEndHeaders } from './end-to-end-headers.ts';
import { Exchange, type OriginAgents } from './exchange.ts';
import { forwardingOf } from './max-forwards.ts';
import { ownPage, sendOwn } from './own-pages.ts';
import { proxyCredentials } from './proxy-credentials.ts';
import { connectTarget, requestedTarget, valuesOf } from './requested-target.ts';

/** How long a connection waits for the head of a next request. Browsers open another one within milliseconds. */
export const IDLE_MS = 60_000;
/** Requests that wait for the answers of those before. apt sends ten at a time. */
const MAX_WAITING = 64;

export interface HttpConnectionOptions {
  readonly agents: OriginAgents;
  /** Makes the file of proxy settings, for the proxy's address as the client knows it. */
  readonly pacFor: (proxy: Destination) => string;
  /** Has the parser begin again with what the stream has. */
  readonly parseAgain: (stream: ClientStream) => void;
}

interface Turn {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** A client that speaks HTTP: its requests one after the other, or one tunnel. */
export class HttpConnection {
  readonly #client: FrontClient;
  readonly #stream: ClientStream;
  readonly #options: HttpConnectionOptions;
  readonly #waiting: Turn[] = [];
  /** What is under way. */
  #current: Turn | undefined;
  /** Nothing further is served. */
  #isOver = false;
  /** The connection closes behind what is under way. */
  #isDraining = false;
  #idle: NodeJS.Timeout | undefined;
  /** Credentials that were right: browsers send them with each request. */
  #proven: { readonly header: string; readonly user: string } | undefined;

  constructor(client: FrontClient, stream: ClientStream, options: HttpConnectionOptions) {
    this.#client = client;
    this.#stream = stream;
    this.#options = options;
    stream.once('close', () => this.#close());
  }

  /** The request that is under way is the last. */
  drain(): void {
    this.#isDraining = true;
    if (this.#idle !== undefined) this.#stream.end();
  }

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isOver) return;
    this.#waiting.push({ request, response });
    if (this.#waiting.length > MAX_WAITING) this.#stream.destroy();
    else if (this.#current === undefined) this.#next();
  }

  onConnect(request: IncomingMessage, head: Buffer): void {
    if (!this.#isAlone()) return;
    const target = connectTarget(request);
    if ('kind' in target) {
      this.#refuseLast('badRequest', target.detail, { status: target.status, text: `${target.detail}.` });
      return;
    }
    this.#authorize(
      request,
      (user) => {
        const { ahead, hasEnded } = this.#stream.detach();
        const earlyData = Buffer.concat([head, ahead]);
        if (hasEnded && earlyData.length === 0) {
          this.#client.fail('clientClosed', 'the client finished sending behind its request', earlyData);
          return;
        }
        if (hasEnded) this.#client.socket.keepEnd();
        const where = formatDestination(target);
        this.#client.ask({
          kind: 'connect',
          destination: target,
          user,
          earlyData,
          success: () => CONNECTED,
          failure: (error) => {
            const answer = answerForError(error);
            return encodeLastResponse({ ...answer, text: `${where}: ${answer.text}` });
          },
        });
      },
      (reason, detail, answer) => this.#refuseLast(reason, detail, answer),
    );
  }

  /** A WebSocket is passed on; any other protocol is not taken up, as a server may (RFC 9110 section 7.8). */
  onUpgrade(request: IncomingMessage, head: Buffer): void {
    if (!this.#isAlone()) return;
    if (!asksForWebSocket(request)) {
      const { method, url, httpVersion, rawHeaders } = request;
      const headers = rawHeaders.filter(
        (_, i) => !UPGRADE_FIELDS.has(rawHeaders[i - (i % 2)]!.toLowerCase()),
      );
      const again = encodeHead(`${method} ${url} HTTP/${httpVersion}`, headers);
      this.#stream.unshift(Buffer.concat([again, head]));
      this.#options.parseAgain(this.#stream);
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once('finish', () => this.#stream.end());
    this.#isOver = true;
    this.#current = { request, response };
    this.#serve(request, response, (answer, origin, originHead) => {
      response.detachSocket(request.socket);
      this.#join(answer, origin, head, originHead);
    });
  }

  onMalformed(error: NodeJS.ErrnoException & { readonly reason?: string }): void {
    if (this.#current?.request.complete && !this.#stream.destroyed) {
      // What came behind a request does not spoil its answer.
      this.#isOver = true;
      this.#current.response.shouldKeepAlive = false;
      return;
    }
    if (this.#isOver || this.#current !== undefined || !this.#stream.writable) {
      this.#stream.destroy();
      return;
    }
    if (error.code === 'HPE_INVALID_EOF_STATE') {
      this.#isOver = true;
      this.#client.failed('clientClosed', 'the client finished sending before the end of its request');
      this.#stream.end();
      return;
    }
    const isTooLong = error.code === 'HPE_HEADER_OVERFLOW';
    const detail = isTooLong
      ? 'the head of the request is too long'
      : `the request is not in order: ${error.reason ?? error.code ?? 'unknown'}`;
    this.#refuseLast('badRequest', detail, { status: isTooLong ? 431 : 400, text: `${detail}.` });
  }

  #next(): void {
    const turn = this.#waiting.shift();
    if (turn === undefined) {
      if (this.#isDraining || this.#isOver) this.#stream.end();
      else this.#idle = setTimeout(() => this.#stream.end(), IDLE_MS);
      return;
    }
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.#current = turn;
    const { request, response } = turn;
    if (this.#isDraining) response.shouldKeepAlive = false;
    response.once('close', () => {
      this.#current = undefined;
      if (!this.#stream.writableEnded) this.#next();
    });
    this.#serve(request, response);
  }

  #serve(
    request: IncomingMessage,
    response: ServerResponse,
    onUpgrade?: (answer: IncomingMessage, origin: Duplex, head: Buffer) => void,
  ): void {
    const target = requestedTarget(request);
    const refuse = (reason: FrontFailure, detail: string, answer: OwnAnswer) => {
      this.#isOver = true;
      this.#client.failed(reason, detail);
      sendOwn(response, answer, true);
    };
    switch (target.kind) {
      case 'refused':
        refuse('badRequest', target.detail, { status: target.status, text: `${target.detail}.` });
        return;
      case 'own':
        this.#client.serve();
        this.#isOver = true;
        sendOwn(response, ownPage(request, target.path, this.#options.pacFor), true);
        return;
      case 'origin': {
        const forwarding = forwardingOf(request);
        if (forwarding.kind === 'refused') {
          refuse('badRequest', forwarding.detail, { status: 400, text: `${forwarding.detail}.` });
          return;
        }
        const start = (user: string | undefined) => {
          this.#client.serve();
          this.#client.count('http');
          if (forwarding.kind === 'here') {
            request.resume();
            sendOwn(response, forwarding.answer, !request.complete);
            return;
          }
          const { maxForwards } = forwarding;
          const { agents } = this.#options;
          const client = this.#client.socket;
          const upgrade = onUpgrade === undefined ? {} : { onUpgrade };
          new Exchange({ request, response, ...target, maxForwards, user, client, agents, ...upgrade });
        };
        this.#authorize(request, start, refuse);
      }
    }
  }

  #authorize(
    { rawHeaders }: IncomingMessage,
    onRight: (user: string | undefined) => void,
    onRefused: (reason: FrontFailure, detail: string, answer: OwnAnswer) => void,
  ): void {
    if (!this.#client.asksForLogin) {
      onRight(undefined);
      return;
    }
    const header = valuesOf(rawHeaders, 'proxy-authorization').join('\n');
    if (header !== '' && header === this.#proven?.header) {
      onRight(this.#proven.user);
      return;
    }
    const credentials = proxyCredentials(rawHeaders);
    if (credentials === undefined) {
      const detail = 'the client gives no user name and password; set them in the application';
      onRefused('noCredentials', detail, LOGIN_NEEDED);
      return;
    }
    this.#client.login(credentials.name, credentials.password, (result) => {
      if (result === 'tooMany') {
        onRefused(
          'tooManyLogins',
          'too many logins wait after wrong ones from this address',
          TOO_MANY_LOGINS,
        );
      } else if (result === 'wrong') {
        onRefused('badCredentials', 'wrong user name or password', LOGIN_NEEDED);
      } else {
        this.#proven = { header, user: result.user };
        onRight(result.user);
      }
    });
  }

  /** The origin speaks another protocol with the client from here on. */
  #join(answer: IncomingMessage, origin: Duplex, clientHead: Buffer, originHead: Buffer): void {
    const headers = [...endToEndHeaders(answer.rawHeaders), 'Connection', 'Upgrade'];
    for (const protocol of valuesOf(answer.rawHeaders, 'upgrade')) headers.push('Upgrade', protocol);
    this.#stream.write(encodeHead('HTTP/1.1 101 Switching Protocols', headers));
    this.#stream.write(originHead);
    origin.write(clientHead);
    const ignore = () => {};
    pipeline(this.#stream, origin, ignore);
    pipeline(origin, this.#stream, ignore);
  }

  /** A tunnel, or another protocol, cannot begin behind requests without an answer: ends the connection then. */
  #isAlone(): boolean {
    if (this.#current === undefined && !this.#isOver) {
      clearTimeout(this.#idle);
      this.#idle = undefined;
      return true;
    }
    this.#stream.destroy();
    return false;
  }

  #refuseLast(reason: FrontFailure, detail: string, answer: OwnAnswer): void {
    this.#isOver = true;
    this.#client.failed(reason, detail);
    this.#stream.end(encodeLastResponse(answer));
  }

  #close(): void {
    clearTimeout(this.#idle);
    this.#waiting.length = 0;
    this.#isOver = true;
    this.#options.agents.shared.leave(this.#client.socket);
  }
}

/** Whether a request asks for a WebSocket, in order (RFC 6455 section 4.1). */
export function asksForWebSocket({ method, rawHeaders }: IncomingMessage): boolean {
  const hasContent = ['content-length', 'transfer-encoding'].some(
    (name) => valuesOf(rawHeaders, name).length > 0,
  );
  return (
    method === 'GET' && !hasContent && valuesOf(rawHeaders, 'upgrade').join().toLowerCase() === 'websocket'
  );
}

/** What asks for another protocol; without it Connection asks for nothing. */
const UPGRADE_FIELDS: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);
