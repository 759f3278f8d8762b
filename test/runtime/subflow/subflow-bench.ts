import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { connectSubflow } from '../../../client-proxy/uplink/subflow-connect.ts';
import type { Uplink } from '../../../client-proxy/uplink/uplink.ts';
import { certificatePin } from '../../../shared/runtime/identity/certificate-pin.ts';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { ReceivePool } from '../../../shared/runtime/subflow/receive-pool.ts';
import {
  listenForSubflows,
  type SubflowListener,
  type SubflowListenerOptions,
} from '../../../shared/runtime/subflow/subflow-listener.ts';
import type { SubflowTransport } from '../../../shared/runtime/subflow/subflow-transport.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { type Deferred, deferred } from '../../support/deferred.ts';

export const { native } = loadNative();
export const lan: Uplink = { name: 'lan', binding: { kind: 'address', address: '127.0.0.1' }, backup: false };

export const receivePool = new ReceivePool(() => performance.now());

export const identity = await makeCertificate();

export interface Bench {
  readonly listener: SubflowListener;
  readonly port: number;
  readonly failures: string[];
  /** The next subflow or refused handshake. */
  subflow: Deferred<SubflowTransport>;
  failure: Deferred<string>;
}

/** A listener on loopback. */
export async function bench(
  options: Partial<Omit<SubflowListenerOptions, 'clock' | 'pool'>> = {},
): Promise<Bench> {
  const failures: string[] = [];
  const transports: SubflowTransport[] = [];
  const listener = await listenForSubflows({
    addresses: [{ host: '127.0.0.1', port: 0 }],
    ...identity,
    pool: receivePool,
    clock: () => performance.now(),
    native,
    onSubflow: (transport) => {
      transports.push(transport);
      result.subflow.resolve(transport);
    },
    onHandshakeFailed: (remote, reason) => {
      failures.push(`${remote} ${reason}`);
      result.failure.resolve(reason);
    },
    onError: (error) => result.subflow.reject(error),
    ...options,
  });
  const result: Bench = {
    listener,
    port: listener.addresses()[0]!.port,
    failures,
    subflow: deferred(),
    failure: deferred(),
  };
  onTestFinished(async () => {
    for (const transport of transports) transport.destroy();
    await listener.close();
  });
  return result;
}

export async function dial(port: number, uplink = lan, pin = certificatePin(identity.certificate)) {
  const transport = await connectSubflow(
    uplink,
    { host: '127.0.0.1', port },
    { pins: [pin], pool: receivePool, native, timeoutMs: 5000 },
  );
  onTestFinished(() => transport.destroy());
  return transport;
}

/** Everything that comes until the connection ends; `error` is the socket's, if it had one. */
export async function drain(socket: Socket): Promise<{ bytes: Buffer; error?: Error }> {
  const pieces: Buffer[] = [];
  let error: Error | undefined;
  socket.on('data', (piece) => pieces.push(piece));
  socket.on('error', (reason) => {
    error = reason;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return { bytes: Buffer.concat(pieces), ...(error ? { error } : {}) };
}

export async function rawClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

export const ignore = { onBytes: () => {}, onWritable: () => {}, onClose: () => {} };
