import { type Destination, formatDestination } from '../../shared/protocol/destination.ts';
import { type ErrorName, StreamError } from '../../shared/protocol/errors.ts';
import type { MemoryBudget } from '../../shared/protocol/memory-budget.ts';
import { PassingMap } from '../../shared/protocol/passing-map.ts';
import type { Visit } from '../../shared/protocol/session/stream-commands.ts';
import type { SteeringMode } from '../../shared/protocol/steering/modes.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { MonotonicClock } from '../../shared/runtime/clock.ts';
import type { LineLog } from '../../shared/runtime/observe/line-limit.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import type { StreamHandlers } from '../../shared/runtime/session/session-handlers.ts';
import { StreamRelay } from '../../shared/runtime/session/stream-relay.ts';
import type { OriginDialer } from '../egress/origin-dialer.ts';
import type { ClientAllowances } from '../limits/client-allowances.ts';
import { PacedSocket } from '../limits/paced-socket.ts';
import type { UsageMeter } from '../usage/usage-meters.ts';
import type { KernelHolder } from './kernel-memory-watch.ts';

export interface OriginStreamsOptions {
  readonly driver: SessionDriver;
  /** Whose streams they are. */
  readonly clientId: string;
  readonly dialer: OriginDialer<AppSocket>;
  /** What the client may carry. */
  readonly allowances: Pick<ClientAllowances, 'refuse' | 'pacersOf'>;
  /** Of the session: for what was read and is held back. */
  readonly memory: MemoryBudget;
  /** Counts its connections; questions and measurements that are answered here are none. */
  readonly usage: Pick<UsageMeter, 'connections'>;
  /** A stream without a byte either way for so long is reset; swept at a tenth of it. */
  readonly idleTimeoutMs: number;
  /** What a visitor that is gone had sent may make no progress for so long. */
  readonly stallTimeoutMs: number;
  readonly logger: LineLog;
  readonly clock: MonotonicClock;
  /** An origin is connected, so long after the client asked for it. */
  onOpened(ms: number): void;
}

interface OriginStream {
  readonly relay: StreamRelay;
  /** What the kernel kept at the last look, and the activity by then. */
  kernelBytes: number;
  kernelActivity: number;
  seenActivity: number;
  idleMs: number;
}

/** The streams of one session, with their origins and visitors: dials, relays, and resets those that idle for too long. */
export class OriginStreams {
  readonly #options: OriginStreamsOptions;
  readonly #streams = new PassingMap<number, OriginStream>();
  readonly #sweep: NodeJS.Timeout;
  #isNarrow = false;

  constructor(options: OriginStreamsOptions) {
    this.#options = options;
    const sweepMs = options.idleTimeoutMs / 10;
    this.#sweep = setInterval(() => this.#resetIdle(sweepMs), sweepMs);
  }

  /** A client asks for a stream: dials its origin and answers. */
  request(streamId: number, destination: Destination, _mode: SteeringMode): void {
    const { driver, dialer, clientId, usage, clock, onOpened } = this.#options;
    const startedMs = clock();
    const dial = new Cancellation();
    const relay = new StreamRelay(driver, streamId, () => {
      dial.abort();
      this.#streams.delete(streamId);
    });
    this.#add(streamId, relay);
    driver.attachStream(streamId, handlersOf(relay));
    dialer.dial(destination, dial, clientId).then(
      (socket) => {
        if (dial.aborted) {
          socket.destroy('reset');
          return;
        }
        if (!dialer.isService(destination)) usage.connections++;
        onOpened(clock() - startedMs);
        driver.input(({ streams }) => streams.accept(streamId));
        relay.attach(this.#paced(socket));
        if (this.#isNarrow) relay.narrow(true);
      },
      (error: unknown) => {
        if (dial.aborted) return;
        relay.discard();
        driver.input(({ streams }) => streams.refuse(streamId, this.#codeOf(error, destination)));
      },
    );
  }

  /** A visitor has connected to a port that the client has published: opens a stream to the client. @param onOver called once, when it is done */
  welcome(socket: AppSocket, visit: Visit, onOver: () => void): void {
    const { driver, allowances, clientId, usage, stallTimeoutMs } = this.#options;
    if (allowances.refuse(clientId) !== undefined) {
      socket.destroy('reset');
      onOver();
      return;
    }
    usage.connections++;
    try {
      const { relay } = driver.openInbound(visit, (streamId) => {
        const made = new StreamRelay(
          driver,
          streamId,
          () => {
            this.#streams.delete(streamId);
            onOver();
          },
          stallTimeoutMs,
        );
        this.#add(streamId, made);
        return { ...handlersOf(made), relay: made };
      });
      relay.attach(this.#paced(socket));
      if (this.#isNarrow) relay.narrow(true);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      socket.destroy('reset');
      onOver();
    }
  }

  /** Connections for which the kernel keeps anything. Those where nothing was kept and nothing has moved since are not asked. */
  *kernelHolders(): Generator<Omit<KernelHolder, 'clientId'>> {
    for (const stream of this.#streams.values()) {
      const { activity } = stream.relay;
      const isMoving = activity !== stream.kernelActivity;
      if (!isMoving && stream.kernelBytes === 0) continue;
      stream.kernelActivity = activity;
      stream.kernelBytes = stream.relay.kernelBytes;
      if (stream.kernelBytes === 0) continue;
      yield { bytes: stream.kernelBytes, isMoving, end: () => stream.relay.abort('resourceExceeded') };
    }
  }

  /** Whether the kernel is to keep little for each connection, from now on. */
  narrow(isNarrow: boolean): void {
    this.#isNarrow = isNarrow;
    for (const { relay } of this.#streams.values()) relay.narrow(isNarrow);
  }

  /** The session is over. */
  close(): void {
    clearInterval(this.#sweep);
    for (const { relay } of [...this.#streams.values()]) relay.abort('goingAway');
  }

  #paced(socket: AppSocket): AppSocket {
    const { allowances, clientId, memory } = this.#options;
    return new PacedSocket(socket, allowances.pacersOf(clientId), memory);
  }

  #add(streamId: number, relay: StreamRelay): void {
    this.#streams.set(streamId, { relay, kernelBytes: 0, kernelActivity: -1, seenActivity: 0, idleMs: 0 });
  }

  /** Where a client goes is nobody's business unless somebody looks for a fault. */
  #codeOf(error: unknown, destination: Destination): ErrorName {
    const { logger } = this.#options;
    if (error instanceof StreamError) {
      logger.debug({ origin: formatDestination(destination), reason: error.message }, 'origin not reached');
      return error.code;
    }
    logger.error({ err: error }, 'internal error: a stream was refused');
    return 'internalError';
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
    onBlocked: () => relay.onBlocked(),
    onKeepAlive: (idleMs) => relay.keepAlive(idleMs),
  };
}
