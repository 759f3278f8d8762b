import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { release } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNative } from '../../../shared/runtime/kernel/native.ts';
import { descriptorOf } from '../../../shared/runtime/kernel/socket-handle.ts';
import {
  bindToInterface,
  readCongestionControl,
  readSocketMemoryBytes,
  setCongestionControl,
} from '../../../shared/runtime/kernel/socket-options.ts';
import { readTcpInfo } from '../../../shared/runtime/kernel/tcp-info.ts';
import { tuneSubflow } from '../../../shared/runtime/subflow/subflow-tuning.ts';
import { needs } from '../../support/needs.ts';

const { native } = loadNative();

/** What iproute2 reads of the same socket. */
function ss(options: string, socket: Socket): string {
  const program = 'ss';
  return execFileSync(program, [options, 'sport', '=', `:${socket.localPort}`], { encoding: 'utf8' });
}

function kernelHasRtoMax(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 15);
}

test('without koffi, or not on Linux, there is a reason instead', () => {
  const load = () => {
    throw Object.assign(new Error('Require stack: ...'), { code: 'MODULE_NOT_FOUND' });
  };
  expect(loadNative({ platform: 'linux', load })).toEqual({
    reason: 'the optional dependency koffi cannot be loaded: it is not installed (MODULE_NOT_FOUND)',
  });
  expect(loadNative({ platform: 'darwin', load })).toEqual({
    reason: 'interface binding and TCP_INFO exist on Linux only, this is darwin',
  });
});

describe('with libc', needs('libc'), () => {
  const libc = native!;
  const server = createServer((socket) => socket.resume());
  let socket: Socket;
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
  });
  afterAll(async () => {
    socket.destroy();
    server.close();
    await once(server, 'close');
  });

  test('a refusal carries its errno', () => {
    const descriptor = libc.openTcp(4);
    try {
      expect(() => bindToInterface(libc, descriptor, 'missing0')).toThrow(
        expect.objectContaining({ name: 'NativeSocketError', code: 'ENODEV' }),
      );
      expect(() => setCongestionControl(libc, descriptor, 'no-such')).toThrow(
        expect.objectContaining({ code: 'ENOENT' }),
      );
    } finally {
      libc.close(descriptor);
    }
    expect(() => libc.close(descriptor)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('TCP_INFO agrees with ss, and counts what was acknowledged', async () => {
    const descriptor = descriptorOf(socket)!;
    const before = readTcpInfo(libc, descriptor)!;
    const sent = 3_000_000;
    await new Promise<void>((resolve, reject) => {
      socket.write(Buffer.alloc(sent), (error) => (error ? reject(error) : resolve()));
    });
    let now = readTcpInfo(libc, descriptor)!;
    for (let i = 0; i < 1000 && now.bytesAcked - before.bytesAcked < sent; i += 1) {
      await new Promise(setImmediate);
      now = readTcpInfo(libc, descriptor)!;
    }
    expect(now.bytesAcked - before.bytesAcked).toBe(sent);
    expect(now).toMatchObject({ notSentBytes: 0, unackedBytes: 0, backoff: 0 });
    expect(now.rttMs).toBeGreaterThan(0);
    expect(now.rttMs).toBeLessThan(1000);
    expect(now.minRttMs).toBeLessThanOrEqual(now.rttMs * 1.01);
    expect(now.deliveryRateBytesPerSecond).toBeGreaterThan(100_000);

    const line = ss('-tin', socket);
    const field = (name: string) => Number(new RegExp(`\\b${name}:([\\d.]+)`).exec(line)?.[1]);
    expect(field('bytes_acked')).toBe(now.bytesAcked);
    expect(field('mss')).toBe(now.mssBytes);
    expect(field('cwnd') * now.mssBytes).toBe(now.cwndBytes);
    expect(field('rtt')).toBeCloseTo(now.rttMs, 2);
    expect(Number(/\brtt:[\d.]+\/([\d.]+)/.exec(line)?.[1])).toBeCloseTo(now.rttVarMs, 2);
    expect(field('minrtt')).toBeCloseTo(now.minRttMs, 2);
  });

  test('the memory of a socket is what it has received and nobody has read', async () => {
    const reader = createServer({ pauseOnConnect: true });
    reader.listen(0, '127.0.0.1');
    await once(reader, 'listening');
    const accepted = once(reader, 'connection') as Promise<[Socket]>;
    const writer = connect((reader.address() as AddressInfo).port, '127.0.0.1');
    const [unread] = await accepted;
    expect(readSocketMemoryBytes(libc, descriptorOf(unread)!)).toBe(0);
    writer.write(Buffer.alloc(50_000));
    await expect
      .poll(() => readSocketMemoryBytes(libc, descriptorOf(unread)!))
      .toBeGreaterThanOrEqual(50_000);
    unread.destroy();
    writer.destroy();
    reader.close();
  });

  test('the memory of a socket is not known where the kernel does not say', () => {
    expect(readSocketMemoryBytes(libc, -1)).toBeUndefined();
  });

  test('a subflow is tuned; a congestion control that cannot be had is a warning', () => {
    const descriptor = descriptorOf(socket)!;
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    tuneSubflow(socket, libc, { congestionControl: 'reno', onWarning });
    expect(warnings).toEqual([]);
    const line = ss('-tino', socket);
    expect(line).toMatch(/\breno\b/);
    expect(readCongestionControl(libc, descriptor)).toBe('reno');
    const integer = new Int32Array(1);
    const option = (name: number) => {
      libc.getOption(descriptor, 6, name, new Uint8Array(integer.buffer));
      return integer[0];
    };
    expect(option(25)).toBe(65536);
    expect(option(18)).toBe(10_000);
    expect(option(1)).toBe(1);
    // TCP_RTO_MAX_MS, since Linux 6.15.
    if (kernelHasRtoMax()) expect(option(44)).toBe(1000);
    tuneSubflow(socket, libc, { congestionControl: 'no-such', onWarning });
    tuneSubflow(socket, undefined, { congestionControl: 'reno', onWarning });
    expect(warnings).toEqual([
      expect.stringContaining('congestion control no-such cannot be set (setsockopt failed: ENOENT)'),
      'congestion control reno cannot be set without koffi on Linux',
    ]);
  });

  test('a closed socket has no descriptor and no figures', async () => {
    const other = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(other, 'connect');
    other.destroy();
    expect(descriptorOf(other)).toBeUndefined();
    expect(readTcpInfo(libc, 999_999)).toBeUndefined();
  });
});
