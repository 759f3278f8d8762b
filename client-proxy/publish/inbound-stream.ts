import { type ErrorName, TributaryError } from '../../shared/protocol/errors.ts';
import type { Visit } from '../../shared/protocol/session/stream-commands.ts';
import { isModeAlone } from '../../shared/protocol/steering/policy-frame.ts';
import { Cancellation } from '../../shared/runtime/async/cancellation.ts';
import type { SessionDriver } from '../../shared/runtime/session/session-driver.ts';
import { StreamRelay } from '../../shared/runtime/session/stream-relay.ts';
import type { SteeredStream } from '../steering/steered-streams.ts';
import { proxyHeader } from './proxy-header.ts';
import type { PublishedService } from './published-service.ts';
import type { ServiceDialer } from './service-dialer.ts';

export interface InboundStreamOptions {
  readonly driver: SessionDriver;
  readonly streamId: number;
  readonly visit: Visit;
  readonly service: PublishedService;
  readonly dialer: Pick<ServiceDialer, 'dial'>;
  readonly steered: SteeredStream;
  /** What a service that is gone had sent may make no progress for so long. */
  readonly stallTimeoutMs: number;
  /** How it began, once. `reason` is for a person. */
  onResult(result: 'ok' | ErrorName, reason?: string): void;
  /** Called once: the visitor and the service are done with each other. */
  onOver(): void;
}

/** Connects a visitor to its service. The visitor's first bytes wait in the relay; the stream's window bounds them. */
export function serveInbound(options: InboundStreamOptions): void {
  const { driver, streamId, visit, service, dialer, steered, stallTimeoutMs, onResult, onOver } = options;
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
  dialer.dial(service.to, dial).then(
    (socket) => {
      if (dial.aborted) {
        socket.destroy('reset');
        onResult('cancelled');
        return;
      }
      if (service.proxyProtocol === 'v2') socket.write([proxyHeader(visit)]);
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
