import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import { isModeAlone } from '../../shared/protocol/steering/policy-frame.ts';
import type { AppSocket } from '../../shared/runtime/app/app-socket.ts';
import { Cancellation, type CancelSignal } from '../../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { StreamRelay } from '../../shared/runtime/session/stream-relay.ts';
import type { SteeredStream } from '../steering/steered-streams.ts';

export interface InboundStreamOptions {
  readonly driver: SessionDriver;
  readonly streamId: number;
  /** Connects to whoever the visitor is for. Rejects with TributaryError. */
  connect(signal: CancelSignal): Promise<AppSocket>;
  /** What it is told before anything of the visitor's. */
  readonly greeting?: Uint8Array;
  readonly steered: SteeredStream;
  /** What a service that is gone had sent may make no progress for so long. */
  readonly stallTimeoutMs: number;
  /** How it began, once. `reason` is for a person. */
  onResult(result: 'ok' | ErrorName, reason?: string): void;
  /** Called once: the visitor and the service are done with each other. */
  onOver(): void;
}

/** Connects a visitor to whoever it is for. The visitor's first bytes wait in the relay; the stream's window bounds them. */
export function serveInbound(options: InboundStreamOptions): void {
  const { driver, streamId, connect, greeting, steered, stallTimeoutMs, onResult, onOver } = options;
  const dial = new Cancellation();
  const onDone = () => {
    dial.abort();
    steered.over();
    onOver();
  };
  const relay = new StreamRelay(driver, streamId, onDone, stallTimeoutMs);
  driver.attachStream(streamId, {
    onOpened() {},
    onData: (chunks) => relay.onData(chunks),
    onEnded: () => relay.onEnded(),
    onFailed: (error, hasAll) => relay.onFailed(error, hasAll),
    onWritable: () => relay.onWritable(),
    onBlocked: () => relay.onBlocked(),
  });
  steered.opened(driver, streamId);
  const { policy } = steered;
  if (policy.mode !== 'aggregate' || policy.down !== undefined || !isModeAlone(policy)) {
    driver.input(({ streams }) => streams.steer(streamId, policy));
  }
  connect(dial).then(
    (socket) => {
      if (dial.aborted) {
        socket.destroy('reset');
        onResult('cancelled');
        return;
      }
      if (greeting !== undefined) socket.write([greeting]);
      driver.input(({ streams }) => streams.accept(streamId));
      relay.attach(socket);
      onResult('ok');
    },
    (error: unknown) => {
      const known = error instanceof TributaryError ? error : undefined;
      const code = dial.aborted ? 'cancelled' : (known?.code ?? 'internalError');
      onResult(code, known?.message);
      if (dial.aborted) return;
      relay.discard();
      driver.input(({ streams }) => streams.refuse(streamId, code));
    },
  );
}
