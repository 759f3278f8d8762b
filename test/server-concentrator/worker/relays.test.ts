import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Applicant } from '../../../server-concentrator/session/applicant.ts';
import {
  encodePreface,
  type RelayedFrom,
  SECRET_BYTES,
} from '../../../server-concentrator/worker/relay-preface.ts';
import { listenForRelays, relay } from '../../../server-concentrator/worker/relays.ts';
import { OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import type {
  SubflowTransport,
  SubflowTransportHandlers,
} from '../../../shared/runtime/subflow/subflow-transport.ts';
import { useCleanups } from '../../support/cleanups.ts';

const SECRET = randomBytes(SECRET_BYTES);
const FROM: RelayedFrom = {
  ...{ remoteAddress: '192.0.2.1', remotePort: 40_000, localAddress: '192.0.2.2', localPort: 443 },
  ...{ exporter: randomBytes(32).toString('base64'), leftMs: 5_000 },
};
const cleanup = useCleanups();

/** What another worker takes: transports, and what came on each. */
async function listening() {
  const path = `\0tributary-test-${randomBytes(8).toString('hex')}`;
  const taken: { transport: SubflowTransport; leftMs: number; bytes: Buffer; isClosed: boolean }[] = [];
  const server = await listenForRelays(path, SECRET, (transport, leftMs) => {
    const one = { transport, leftMs, bytes: Buffer.alloc(0), isClosed: false };
    taken.push(one);
    transport.setHandlers({
      onBytes(chunk) {
        one.bytes = Buffer.concat([one.bytes, chunk.bytes]);
        chunk.release();
      },
      onWritable() {},
      onClose() {
        one.isClosed = true;
      },
    });
  });
  cleanup(() => void server.close());
  return { path, taken };
}

async function say(path: string, ...pieces: readonly Uint8Array[]): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => {});
  cleanup(() => void socket.destroy());
  await once(socket, 'connect');
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return socket;
}

describe('what comes from another worker', () => {
  it('is a subflow from where its client is, whatever the pieces are in which it comes', async () => {
    const { path, taken } = await listening();
    const preface = encodePreface(SECRET, FROM);
    const all = Buffer.concat([preface, Buffer.from('hello')]);
    for (const at of [
      1,
      SECRET_BYTES,
      SECRET_BYTES + 1,
      SECRET_BYTES + 2,
      preface.length - 1,
      preface.length,
    ]) {
      await say(path, all.subarray(0, at), all.subarray(at));
    }
    await expect.poll(() => taken.map(({ bytes }) => bytes.toString())).toEqual(Array(6).fill('hello'));
    const [{ transport, leftMs } = expect.fail()] = taken;
    const { remoteAddress, remotePort, localAddress, localPort } = FROM;
    expect(transport).toMatchObject({ remoteAddress, remotePort, localAddress, localPort, isRelayed: true });
    expect(Buffer.from(transport.exporter).toString('base64')).toBe(FROM.exporter);
    expect(leftMs).toBe(FROM.leftMs);
  });

  it.each<[string, () => readonly Uint8Array[]]>([
    ['with another secret', () => [encodePreface(randomBytes(SECRET_BYTES), FROM)]],
    ['of a secret alone, and an end', () => [SECRET]],
    ['with a text that is too long', () => [SECRET, Buffer.of(0xff, 0xff)]],
    ['of nothing', () => []],
  ])('is none %s', async (_, pieces) => {
    const { path, taken } = await listening();
    const socket = await say(path, ...pieces());
    const closed = once(socket, 'close');
    socket.resume();
    socket.end();
    await closed;
    expect(taken).toEqual([]);
  });

  it('is let in beside strangers of this machine, of whom there are so many and no more', async () => {
    const { path, taken } = await listening();
    const strangers = await Promise.all(Array.from({ length: 300 }, () => say(path)));
    for (const stranger of strangers) stranger.resume();
    await expect.poll(() => strangers.filter(({ destroyed }) => destroyed).length).toBe(300 - 256);
    for (const stranger of strangers) stranger.destroy();
    await expect
      .poll(async () => {
        await say(path, encodePreface(SECRET, FROM));
        return taken.length;
      })
      .toBeGreaterThan(0);
  });

  it('is none where nothing comes for two seconds', async () => {
    const { path, taken } = await listening();
    const socket = await say(path);
    socket.resume();
    await once(socket, 'close');
    expect(taken).toEqual([]);
  });
});

/** A client that has proven its key, on a transport of this worker. */
function applicant(rest = '') {
  const wire = {
    handlers: undefined as SubflowTransportHandlers | undefined,
    written: '',
    isOpen: true,
    isReading: true,
  };
  const transport = {
    ...FROM,
    exporter: Buffer.from(FROM.exporter, 'base64'),
    setHandlers(handlers: SubflowTransportHandlers) {
      wire.handlers = handlers;
    },
    write(buffers: readonly Uint8Array[]) {
      wire.written += Buffer.concat(buffers).toString();
      setImmediate(() => wire.handlers?.onWritable());
    },
    setReading(isReading: boolean) {
      wire.isReading = isReading;
    },
    destroy() {
      wire.isOpen = false;
      wire.handlers?.onClose();
    },
  };
  const handshake = { requestFrame: Buffer.from('HELLO ') };
  const one = { transport, handshake, takeRest: () => Buffer.from(rest) } as unknown as Applicant;
  return { wire, applicant: one };
}

describe('a connection that is relayed', () => {
  it('carries both ways what comes, and what came with the request', async () => {
    const { path, taken } = await listening();
    const { wire, applicant: one } = applicant('early ');
    expect(await relay(one, { path, secret: SECRET }, 4_000)).toBe(true);
    wire.handlers!.onBytes(new OwnBytes(Buffer.from('late')));
    await expect.poll(() => taken[0]?.bytes.toString()).toBe('HELLO early late');
    expect(taken[0]!.leftMs).toBe(4_000);
    taken[0]!.transport.write([Buffer.from('WEL'), Buffer.from('COME')]);
    await expect.poll(() => wire.written).toBe('WELCOME');
  });

  it('ends with either end', async () => {
    const { path, taken } = await listening();
    const [here, there] = [applicant(), applicant()];
    for (const each of [here, there]) await relay(each.applicant, { path, secret: SECRET }, 1_000);
    await expect.poll(() => taken.length).toBe(2);
    here.wire.handlers!.onClose();
    await expect.poll(() => taken.filter(({ isClosed }) => isClosed).length).toBe(1);
    for (const { transport } of taken) transport.destroy();
    await expect.poll(() => there.wire.isOpen).toBe(false);
  });

  it('is not read on while the other worker takes nothing, and is when it does', async () => {
    const { path, taken } = await listening();
    const { wire, applicant: one } = applicant();
    await relay(one, { path, secret: SECRET }, 1_000);
    await expect.poll(() => taken.length).toBe(1);
    taken[0]!.transport.setReading(false);
    let sent = 0;
    const piece = Buffer.alloc(64 * 1024, 1);
    for (; wire.isReading && sent < 1_000; sent++) {
      wire.handlers!.onBytes(new OwnBytes(piece));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(wire.isReading).toBe(false);
    taken[0]!.transport.setReading(true);
    await expect.poll(() => taken[0]!.bytes.length).toBe(sent * piece.length + 'HELLO '.length);
    expect(wire.isReading).toBe(true);
  });

  it('stays here where the other worker takes none', async () => {
    const path = '\0tributary-test-nobody';
    expect(await relay(applicant().applicant, { path, secret: SECRET }, 1_000)).toBe(false);
  });
});
