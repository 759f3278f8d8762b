import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Chunk, OwnBytes } from '../../../shared/protocol/memory/chunk.ts';
import { AppWriter } from '../../../shared/runtime/app/app-writer.ts';
import { patternBytes } from '../../protocol/support.ts';
import { FakeAppSocket } from '../../support/fake-app-socket.ts';
import { SlabReading } from '../subflow/slab-reading.ts';

/** A socket that notes its end among its writes. */
class EndingSocket extends FakeAppSocket {
  endedBehind: number | undefined;

  override end(): void {
    this.endedBehind = this.written.length;
  }
}

function newWriter() {
  const socket = new EndingSocket();
  let written = 0;
  const writer = new AppWriter((bytes) => {
    written += bytes;
  });
  return { socket, writer, written: () => written };
}

const bytesOf = (socket: FakeAppSocket) => Buffer.concat(socket.written.flat());

describe('AppWriter', () => {
  it('has one write under way, and gathers what comes meanwhile', () => {
    const { socket, writer, written } = newWriter();
    writer.attach(socket);
    for (let dsn = 0; dsn < 10_000; dsn++) writer.write([new OwnBytes(patternBytes(dsn, 1))]);
    expect(socket.written.map((pieces) => pieces.length)).toEqual([1]);
    socket.onWritten[0]!();
    expect([socket.written.length, written()]).toEqual([2, 1]);
    expect(socket.written[1]!.length).toBeLessThan(20);
    expect(writer.isEmpty).toBe(false);
    socket.onWritten[1]!();
    expect([written(), writer.isEmpty, socket.written.length]).toEqual([10_000, true, 2]);
    expect(bytesOf(socket).equals(patternBytes(0, 10_000))).toBe(true);
  });

  it('keeps what comes before there is a connection, also its end', () => {
    const { socket, writer } = newWriter();
    writer.write([new OwnBytes(patternBytes(0, 10)), new OwnBytes(patternBytes(10, 10))]);
    writer.end();
    writer.attach(socket);
    expect(bytesOf(socket).equals(patternBytes(0, 20))).toBe(true);
    expect(socket.endedBehind).toBe(1);
  });

  it('ends behind what waits', () => {
    const { socket, writer } = newWriter();
    writer.attach(socket);
    writer.write([new OwnBytes(patternBytes(0, 10))]);
    writer.write([new OwnBytes(patternBytes(10, 10))]);
    writer.end();
    expect(socket.endedBehind).toBe(2);
    for (const onWritten of socket.onWritten) onWritten();
    expect([writer.isEmpty, bytesOf(socket).equals(patternBytes(0, 20))]).toEqual([true, true]);
  });

  it('writes at most a quarter of a mebibyte at a time, so that credit comes in steps', () => {
    const { socket, writer } = newWriter();
    writer.attach(socket);
    for (let i = 0; i < 64; i++) writer.write([new OwnBytes(new Uint8Array(16_384))]);
    for (let i = 0; i < socket.onWritten.length; i++) socket.onWritten[i]!();
    const lengths = socket.written.map((pieces) => pieces.reduce((sum, { length }) => sum + length, 0));
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(1024 * 1024);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(256 * 1024);
  });

  it('copies what waits out of memory that it is a small part of, and keeps what is most of it', () => {
    const { socket, writer } = newWriter();
    writer.attach(socket);
    const reading = new SlabReading();
    writer.write([new OwnBytes(patternBytes(0, 1))]);
    const small = reading.read(1, 8_192);
    // What is left of the first block.
    for (let i = 0; i < 2; i++) reading.read(2, 16_384).release();
    const large = [1, 2, 3].map(() => reading.read(2, 16_384));
    writer.write([small]);
    writer.write(large);
    const isReleased = (chunk: Chunk) => {
      try {
        chunk.release();
        return false;
      } catch {
        return true;
      }
    };
    expect(isReleased(small)).toBe(true);
    socket.onWritten[0]!();
    expect(socket.written[1]!.at(-1)!.length).toBe(3 * 16_384);
    socket.onWritten[1]!();
    expect(large.map(isReleased)).toEqual([true, true, true]);
  });

  it('hands on every byte in order, in whatever pieces and whenever the socket takes them', () => {
    const step = fc.record({ length: fc.integer({ min: 1, max: 70_000 }), takes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.nat(20), (steps, attachAt) => {
        const { socket, writer, written } = newWriter();
        let dsn = 0;
        let taken = 0;
        const take = () => {
          if (taken < socket.onWritten.length) socket.onWritten[taken++]!();
        };
        steps.forEach(({ length, takes }, i) => {
          if (i === attachAt) writer.attach(socket);
          writer.write([new OwnBytes(patternBytes(dsn, length))]);
          dsn += length;
          if (takes) take();
        });
        if (attachAt >= steps.length) writer.attach(socket);
        writer.end();
        while (taken < socket.onWritten.length) take();
        expect([written(), writer.isEmpty]).toEqual([dsn, true]);
        expect(bytesOf(socket).equals(patternBytes(0, dsn))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
