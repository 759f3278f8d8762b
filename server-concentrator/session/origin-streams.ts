import type { Logger } from 'pino';
import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { StreamError } from '../../shared/protocol/errors.ts';
import type { SteeringMode } from '../../shared/protocol/steering/modes.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import { StreamRelay } from '../../shared/runtime/session/stream-relay.ts';
import type { OriginDialer } from '../egress/origin-dialer.ts';

/** A stream without a byte either way for so long is reset; swept at a tenth of it. */
export interface OriginStreamsOptions {
  readonly driver: SessionDriver;
  readonly dialer: OriginDialer<AppSocket>;
  readonly idleTimeoutMs: number;
  readonly logger: Logger;
}

interface OriginStream {
  readonly relay: StreamRelay;
  seenActivity: number;
  idleMs: number;
}

/** The streams of one session and their origins: dials, relays, and resets those that idle for too long. */
export class OriginStreams {
  readonly #options: OriginStreamsOptions;
  readonly #streams = new Map<number, OriginStream>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: OriginStreamsOptions) {
    this.#options = options;
    const sweepMs = options.idleTimeoutMs / 10;
    this.#sweep = setInterval(() => this.#resetIdle(sweepMs), sweepMs);
  }

  /** A client asks for a stream: dials its origin and answers. */
  request(streamId: number, destination: Destination, _mode: SteeringMode): void {
    const { driver, logger } = this.#options;
    const dial = new Cancellation();
    const relay = new StreamRelay(driver, streamId, () => {
      dial.abort();
      this.#streams.delete(streamId);
    });
    this.#streams.set(streamId, { relay, seenActivity: 0, idleMs: 0 });
    driver.attachStream(streamId, handlersOf(relay));
    this.#options.dialer.dial(destination, dial).then(
      (socket) => {
        if (dial.aborted) {
          socket.destroy('reset');
          return;
        }
        driver.input(({ streams }) => streams.accept(streamId));
        relay.attach(socket);
      },
      (error: unknown) => {
        this.#streams.delete(streamId);
        if (dial.aborted) return;
        const { code, message } = error instanceof StreamError ? error : internalError(error);
        logger.info({ origin: formatDestination(destination), reason: message }, 'origin not reached');
        driver.forgetStream(streamId);
        driver.input(({ streams }) => streams.refuse(streamId, code));
      },
    );
  }

  /** The session is over. */
  close(): void {
    clearInterval(this.#sweep);
    for (const { relay } of [...this.#streams.values()]) relay.abort('goingAway');
  }

  #resetIdle(sweepMs: number): void {
    for (const stream of [...this.#streams.values()]) {
      const isIdle = stream.relay.activity === stream.seenActivity;
      stream.seenActivity = stream.relay.activity;
      stream.idleMs = isIdle ? stream.idleMs + sweepMs : 0;
      if (stream.idleMs >= this.#options.idleTimeoutMs) stream.relay.abort('idleTimeout');
    }
  }
}

function handlersOf(relay: StreamRelay): StreamHandlers {
  return {
    onOpened() {},
    onData: (pieces) => relay.onData(pieces),
    onEnded: () => relay.onEnded(),
    onFailed: (error, hasAll) => relay.onFailed(error, hasAll),
    onWritable: () => relay.onWritable(),
    onKeepAlive: (idleMs) => relay.keepAlive(idleMs),
  };
}

function internalError(error: unknown): StreamError {
  return new StreamError('internalError', String(error), { cause: error });
}
