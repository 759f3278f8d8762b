import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { TributaryError } from '../../shared/protocol/errors.ts';
import { answerForError, BAD_ANSWER, type OwnAnswer } from './answers.ts';
import { encodeHead, endToEndHeaders } from './end-to-end-headers.ts';
import type { OriginAgent, OriginAsked } from './origin-agent.ts';
import type { ClientAddresses } from './origin-stream.ts';
import { sendOwn } from './own-pages.ts';
import { valuesOf } from './requested-target.ts';

/** The connections that exchanges are made over. */
export interface OriginAgents {
  /** For requests that may be repeated, should an idle connection turn out to be closed. */
  readonly shared: OriginAgent;
  /** A new connection for each of the others. */
  readonly single: OriginAgent;
}

export interface ExchangeOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly destination: Destination;
  readonly path: string;
  readonly authority: string;
  /** What Max-Forwards says from here on; where absent it is passed on as it came. */
  readonly maxForwards: string | undefined;
  readonly user: string | undefined;
  readonly client: ClientAddresses;
  readonly agents: OriginAgents;
  /** The origin has agreed to another protocol; only where that was asked for. `head` is what it has said already. */
  readonly onUpgrade?: (answer: IncomingMessage, origin: Duplex, head: Buffer) => void;
}

/** Requests that change nothing at the origin (RFC 9110 section 9.2.1), and may so be sent twice. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Those that have no content as a rule: without any they need no Content-Length. */
const METHODS_WITHOUT_CONTENT: ReadonlySet<string> = new Set([...SAFE_METHODS, 'DELETE', 'TRACE']);
/** Heads of answers are longer than those of requests: there are origins that set dozens of cookies. */
const MAX_ANSWER_HEAD_BYTES = 128 * 1024;
/** Interim answers that are passed on for a request. Few origins send more than two, and nothing holds up who sends them without end. */
const MAX_INTERIM = 16;

/**
 * One request that is passed on to its origin, and the answer that is passed back. Contents are streamed both ways, each as
 * fast as its receiver takes it. The head is made anew by Node's HTTP client: what was understood is what is sent.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #hasContent: boolean;
  readonly #mayRepeat: boolean;
  #outgoing: ClientRequest | undefined;
  #abandonConnecting = () => {};
  #interimCount = 0;
  #hasAnswer = false;
  #isOver = false;

  /** Starts at once. */
  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { request: incoming, response, onUpgrade } = options;
    this.#hasContent =
      incoming.headers['transfer-encoding'] !== undefined ||
      Number(incoming.headers['content-length'] ?? 0) > 0;
    this.#mayRepeat = SAFE_METHODS.has(incoming.method ?? '') && !this.#hasContent && onUpgrade === undefined;
    response.once('close', () => this.#onClientDone());
    this.#send(this.#mayRepeat ? options.agents.shared : options.agents.single);
  }

  #send(agent: OriginAgent): void {
    const { request: incoming, destination, path } = this.#options;
    const asked: OriginAsked = {
      ...this.#options,
      onConnecting: (abandon) => {
        this.#abandonConnecting = abandon;
      },
    };
    let outgoing: ClientRequest;
    try {
      const options = {
        agent,
        asked,
        host: destination.host,
        port: destination.port,
        method: incoming.method ?? 'GET',
        path,
        headers: this.#headers(),
        maxHeaderSize: MAX_ANSWER_HEAD_BYTES,
      };
      outgoing = request(options);
    } catch {
      // It has characters that Node reads and does not write.
      this.#fail({ status: 400, text: 'The request cannot be passed on as it is.' });
      return;
    }
    this.#outgoing = outgoing;
    this.#listen(outgoing);
    outgoing.maxHeadersCount = 0;
    if (this.#hasContent) {
      outgoing.flushHeaders();
      incoming.pipe(outgoing);
    } else {
      outgoing.end();
    }
  }

  #listen(outgoing: ClientRequest): void {
    const { onUpgrade } = this.#options;
    outgoing.on('information', ({ statusCode, statusMessage, rawHeaders }) =>
      this.#onInterim(statusCode, statusMessage, rawHeaders as unknown as string[]),
    );
    outgoing.on('response', (answer) => this.#onAnswer(answer, outgoing));
    outgoing.on('error', (error) => {
      if (outgoing !== this.#outgoing || this.#isOver) return;
      if (
        outgoing.reusedSocket &&
        this.#mayRepeat &&
        !this.#hasAnswer &&
        !(error instanceof TributaryError)
      ) {
        this.#send(this.#options.agents.single);
      } else {
        this.#fail(error instanceof TributaryError ? answerForError(error.code) : BAD_ANSWER);
      }
    });
    outgoing.on('upgrade', (answer, origin, head) => {
      if (onUpgrade === undefined) {
        origin.destroy();
        this.#fail(BAD_ANSWER);
      } else {
        this.#isOver = true;
        onUpgrade(answer, origin, head);
      }
    });
  }

  /** As they go to the origin; Host is that of the target (RFC 9112 section 3.2.2). */
  #headers(): string[] {
    const { request: incoming, authority, maxForwards, onUpgrade } = this.#options;
    const { rawHeaders, method = 'GET' } = incoming;
    const made = maxForwards === undefined ? ['host'] : ['host', 'max-forwards'];
    const headers = ['Host', authority, ...endToEndHeaders(rawHeaders, made)];
    if (maxForwards !== undefined) headers.push('Max-Forwards', maxForwards);
    if (incoming.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked');
    const hasLength = incoming.headers['content-length'] !== undefined;
    if (!this.#hasContent && !hasLength && !METHODS_WITHOUT_CONTENT.has(method))
      headers.push('Content-Length', '0');
    if (onUpgrade !== undefined) {
      headers.push('Connection', 'Upgrade', 'Upgrade', valuesOf(rawHeaders, 'upgrade').join(', '));
    }
    return headers;
  }

  /** 100, 103 and whatever else comes before the answer (RFC 9110 section 15.2). Those that a client does not take are left out. */
  #onInterim(status: number, reason: string, rawHeaders: readonly string[]): void {
    const { request: incoming, response } = this.#options;
    const { socket } = response;
    if (incoming.httpVersion === '1.0' || response.headersSent || response.destroyed) return;
    if (socket === null || socket.writableNeedDrain || this.#interimCount >= MAX_INTERIM) return;
    this.#interimCount++;
    socket.write(encodeHead(`HTTP/1.1 ${status} ${reason}`, endToEndHeaders(rawHeaders)));
  }

  #onAnswer(answer: IncomingMessage, outgoing: ClientRequest): void {
    const { request: incoming, response } = this.#options;
    if (this.#isOver) return;
    this.#hasAnswer = true;
    response.sendDate = false;
    // The client may wait for a word about the rest of its content, which nobody wants any more.
    if (!incoming.complete) response.shouldKeepAlive = false;
    try {
      const { statusCode = 502, statusMessage, rawHeaders } = answer;
      response.writeHead(statusCode, statusMessage, endToEndHeaders(rawHeaders));
    } catch {
      this.#fail(BAD_ANSWER);
      return;
    }
    response.flushHeaders();
    answer.pipe(response, { end: false });
    answer.once('end', () => {
      const { rawTrailers } = answer;
      const pairs: [string, string][] = [];
      for (let i = 0; i + 1 < rawTrailers.length; i += 2) pairs.push([rawTrailers[i]!, rawTrailers[i + 1]!]);
      response.addTrailers(pairs);
      response.end();
      if (!outgoing.writableFinished) outgoing.destroy();
    });
    // Cut off: so is the answer, or the client would take it for whole.
    answer.once('error', () => response.destroy(new Error('the answer was cut off')));
  }

  #fail(answer: OwnAnswer): void {
    const { request: incoming, response, destination } = this.#options;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outgoing?.destroy();
    if (this.#hasAnswer || response.headersSent) {
      response.destroy(new Error('the answer was cut off'));
      return;
    }
    incoming.unpipe();
    incoming.resume();
    sendOwn(
      response,
      { ...answer, text: `${formatDestination(destination)}: ${answer.text}` },
      !incoming.complete,
    );
  }

  /** The client has its answer, or is gone. */
  #onClientDone(): void {
    if (this.#options.response.writableFinished || this.#isOver) return;
    this.#isOver = true;
    this.#abandonConnecting();
    this.#outgoing?.destroy();
  }
}
