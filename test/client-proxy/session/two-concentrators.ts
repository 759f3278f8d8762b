import { expect, onTestFinished } from 'vitest';
import { SessionKeeper } from '../../../client-proxy/session/session-keeper.ts';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { Cancellation } from '../../../shared/runtime/async/cancellation.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import type { SessionDriver } from '../../../shared/runtime/session/session-driver.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { identity, native, receivePool } from '../../runtime/subflow/subflow-bench.ts';
import { keyOf, start } from '../../server-concentrator/concentrator-bed.ts';
import { eventually } from '../../support/eventually.ts';
import { serve } from '../../support/serve.ts';
import { sessionOptions } from './session-options.ts';

/** Sends back what it gets. */
export function echoServer(): Promise<number> {
  return serve((socket) => socket.pipe(socket));
}

/**
 * Two machines with copies of one identity, as while a name moves from one to the other:
 *
 *   dsl ──► first       lte ──► second, until `reaches` says otherwise
 */
export async function twoConcentrators() {
  const allow = [{ target: { kind: 'cidr', cidr: '127.0.0.1/32' } }] as const;
  const egress = { allow, deny: [], connectTimeoutMs: 1_000, resolveTimeoutMs: 1_000 };
  const [first, second] = [
    await start(['laptop'], { drainTimeoutMs: 20_000 }, { egress }),
    await start(['laptop'], {}, { egress }),
  ];
  // Closed twice, it does not wait for open streams.
  onTestFinished(() => void first.concentrator.close());
  const reaches: Record<string, number> = { dsl: first.port, lte: second.port };
  const dialled: string[] = [];
  const transports: SubflowTransport[] = [];
  const keeper = new SessionKeeper({
    ...sessionOptions(),
    identity: () => ({ id: 'laptop', key: keyOf('laptop') }),
    addresses: [first, second].map(({ port }) => ({ host: '127.0.0.1', port })),
    backoff: { minMs: 20, maxMs: 50 },
    openTimeoutMs: 5_000,
    onChanged() {},
    onSessionEnded() {},
    async connect(uplink, address, signal) {
      dialled.push(`${uplink.name} ${address.port === first.port ? 'first' : 'second'}`);
      if (address.port !== reaches[uplink.name]) throw new Error('not reached');
      const pins = [certificatePin(identity.certificate)];
      const options = { pins, pool: receivePool, native, signal, timeoutMs: 5_000 };
      const transport = await connectSubflow(uplink, address, options);
      transports.push(transport);
      return transport;
    },
  });
  onTestFinished(() => keeper.stop());
  const uplink = (name: string, address: string) =>
    ({ name, binding: { kind: 'address', address }, backup: false }) as const;
  const [dsl, lte] = [uplink('dsl', '127.0.0.2'), uplink('lte', '127.0.0.3')];
  keeper.setUplinks([dsl]);
  keeper.start();
  await eventually(() => expect(keeper.isEstablished).toBe(true));
  return { keeper, reaches, dialled, transports, first, second, dsl, lte };
}

/** A stream to the echo server. */
export async function echo(keeper: SessionKeeper, port: number) {
  let received = 0;
  const failures: string[] = [];
  const stream = await keeper.openStream(
    { host: '127.0.0.1', port },
    () => ({ mode: 'aggregate' }),
    (driver: SessionDriver, streamId: number) => ({
      say: (bytes: number) =>
        driver.input(({ streams }) => streams.write(streamId, new OwnBytes(new Uint8Array(bytes)))),
      onOpened() {},
      onData(chunks: readonly { bytes: Uint8Array; release(): void }[]) {
        for (const chunk of chunks) {
          received += chunk.bytes.length;
          driver.input(({ streams }) => streams.consumed(streamId, chunk.bytes.length));
          chunk.release();
        }
      },
      onEnded() {},
      onFailed: (error: string) => failures.push(error),
      onWritable() {},
    }),
    new Cancellation(),
  );
  return { say: stream.say, received: () => received, failures };
}
